#include <algorithm>
#include <map>
#include <set>

#include "tests/runtime/core/worker_dialogue.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;

struct Random {
  std::uint64_t state;
  explicit Random(std::uint64_t seed) : state(seed * 0x9e3779b97f4a7c15ULL + 1) {}
  std::uint32_t below(std::uint32_t n) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return static_cast<std::uint32_t>((state * 0x2545f4914f6cdd1dULL >> 33) % n);
  }
};

WorkerConfig config_of(std::uint64_t seed) {
  WorkerConfig config;
  config.threads = 1 + static_cast<std::uint32_t>(seed % 3);
  config.resources = {{"GPU", 2}};
  config.max_concurrent_fetches = 1 + static_cast<std::uint32_t>(seed % 4);
  config.fetch_bytes_limit = seed % 2 == 0 ? 100 : 20;
  if (seed % 4 != 0) {
    config.memory.limit = 50 * (1 + seed % 7);
    config.memory.recent_to_old = 1s;
    config.spill_bytes_min = 1;
  }
  return config;
}

/// A scheduler that says anything at any time, a pool, peers and a disk that end things in any order, and a store. Every turn
/// the machine's word is held against what these know.
class History {
public:
  static constexpr std::uint32_t task_count = 24;

  explicit History(std::uint64_t seed) : random(seed), d(config_of(seed)) {}

  void step() {
    d.now = d.now + Duration{random.below(40'000'000)};
    const auto events = 1 + random.below(3);
    for (std::uint32_t i = 0; i < events; ++i) feed(random.below(2) == 0 ? end_something() : command());
    settle();
  }

  /// The scheduler answers every question, peers have everything, nothing fails: then all that is wanted gets done.
  void finish() {
    feed(addresses());
    peaceful = true;
    while (!readers.empty()) feed(stop_reading());  // what is read fills memory
    feed(WorkerTick{1});
    WhoHas who;
    for (std::uint32_t n = 0; n < task_count; ++n) {
      who.tasks.push_back(task(n));
      who.holders.push_back({1});
    }
    feed(Dialogue::say(who));
    settle();
    for (int i = 0; i < 10'000 && (busy() || !questions.empty() || !wanted.empty()); ++i) {
      d.now = d.now + 200ms;
      if (!questions.empty()) {
        WhoHas answer;
        answer.tasks.assign(questions.begin(), questions.end());
        answer.holders.assign(questions.size(), {1});
        questions.clear();
        feed(Dialogue::say(answer));
      } else if (busy()) {
        feed(end_something());
      } else {
        feed(WorkerTick{1});
      }
      settle();
    }
    ASSERT_TRUE(wanted.empty()) << wanted.size() << " runs never ended, first " << wanted.begin()->first.index();
    ASSERT_TRUE(steals.empty()) << "a steal was never answered";
    FreeKeys free;
    for (std::uint32_t n = 0; n < task_count; ++n) free.tasks.push_back(task(n));
    feed(Dialogue::say(free));
    settle();
    while (busy()) {
      feed(end_something());
      settle();
    }
    ASSERT_EQ(d.worker.key_count(), 0u);
    ASSERT_TRUE(store.empty());
    ASSERT_TRUE(disk.empty());
    ASSERT_EQ(d.worker.counters().managed_bytes, 0u);
    ASSERT_EQ(d.worker.counters().spilled_bytes, 0u);
  }

  /// Drained, it says goodbye as soon as what runs has ended, and not before.
  void drain() {
    peaceful = true;
    wanted.clear();  // what had not started is given up
    drained = true;
    feed(Dialogue::say(CloseWorker{true, "done"}));
    settle();
    while (!running.empty()) {
      ASSERT_FALSE(closed);
      feed(end_something());
      settle();
    }
    ASSERT_TRUE(closed);
  }

private:
  struct Running {
    RunId run;
    bool retract{};
    bool seceded{};
  };
  struct Reader {
    std::vector<TaskId> tasks;
  };

  void feed(WorkerEvent event) {
    d.worker.handle(std::move(event), d.now, out);
    d.worker.check_invariants();
  }

  void settle() {
    d.worker.settle(d.now, out);
    d.worker.check_invariants();
    for (const TaskId dropped : out.drop)
      ASSERT_EQ(store.erase(dropped) + disk.erase(dropped) + lost.erase(dropped), 1u) << "dropped what is not there";
    lost.clear();
    for (const TaskId retracted : out.retract) {
      ASSERT_TRUE(running.contains(retracted));
      ASSERT_FALSE(running[retracted].retract) << "asked twice";
      running[retracted].retract = true;
    }
    const auto& execute = out.execute;
    for (std::size_t i = 0; i < execute.tasks.size(); ++i) {
      ASSERT_TRUE(running.emplace(execute.tasks[i], Running{execute.runs[i]}).second) << "runs twice at once";
      ASSERT_EQ(wanted[execute.tasks[i]], execute.runs[i]) << "runs what nobody asked for";
      for (auto input = execute.input_offsets[i]; input < execute.input_offsets[i + 1]; ++input) {
        ASSERT_TRUE(store.contains(execute.inputs[input])) << "starts without an input";
      }
    }
    for (auto& fetch : out.fetch) {
      ASSERT_TRUE(std::none_of(flights.begin(), flights.end(), [&](auto& f) { return f.peer == fetch.peer; }));
      flights.push_back(fetch);
    }
    for (const TaskId t : out.spill) {
      ASSERT_TRUE(store.contains(t)) << "spills what is not in memory";
      moves.push_back({t, store[t], true});
      ++spills;
    }
    for (const TaskId t : out.load) {
      ASSERT_TRUE(disk.contains(t)) << "loads what is not on disk";
      moves.push_back({t, disk[t], false});
      ++loads;
    }
    for (const auto& message : out.to_scheduler) hear(message);
    closed = out.close;
    withdrawn.clear();
    for (std::uint32_t n = 0; n < task_count; ++n) {
      ASSERT_EQ(store.contains(task(n)), d.key(n).data == KeyData::memory) << "store and machine differ on " << n;
      ASSERT_EQ(disk.contains(task(n)), d.key(n).data == KeyData::spilled) << "disk and machine differ on " << n;
    }
    out.clear();
  }

  void ended(TaskId t, RunId run) {
    if (withdrawn.contains({t, run})) return;  // ended and cancelled in one turn
    const auto found = wanted.find(t);
    ASSERT_TRUE(drained || (found != wanted.end() && found->second == run)) << "reported a run that nobody wants";
    if (found != wanted.end()) wanted.erase(found);
  }

  void hear(const WorkerMessage& message) {
    if (const auto* m = std::get_if<TasksFinished>(&message)) {
      for (std::size_t i = 0; i < m->tasks.size(); ++i) ended(m->tasks[i], m->runs[i]);
    } else if (const auto* e = std::get_if<TasksErred>(&message)) {
      for (std::size_t i = 0; i < e->tasks.size(); ++i) ended(e->tasks[i], e->runs[i]);
    } else if (const auto* s = std::get_if<StealReply>(&message)) {
      for (std::size_t i = 0; i < s->tasks.size(); ++i) {
        ASSERT_GE(steals.erase({s->tasks[i], s->runs[i]}), 1u) << "answered twice";
        const auto found = wanted.find(s->tasks[i]);
        if (s->released[i] == 1 && found != wanted.end() && found->second == s->runs[i]) wanted.erase(found);
      }
    } else if (const auto* q = std::get_if<InputsMissing>(&message)) {
      questions.insert(q->tasks.begin(), q->tasks.end());
    } else if (const auto* r = std::get_if<ReplicasAdded>(&message)) {
      for (const TaskId t : r->tasks)
        ASSERT_TRUE(store.contains(t) || disk.contains(t)) << "says it has what it has not";
    }
  }

  static WorkerEvent addresses() {
    WorkerAddresses message;
    for (std::uint32_t id = 1; id <= 5; ++id) message.workers.push_back({{id}, {}, "w" + std::to_string(id), {}});
    return Dialogue::say(message);
  }

  void withdraw(TaskId t) {
    const auto found = wanted.find(t);
    if (found == wanted.end()) return;
    withdrawn.insert(*found);
    wanted.erase(found);
  }

  WorkerEvent command() {
    const auto n = random.below(task_count);
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3: return compute();
      case 4: withdraw(task(n)); return Dialogue::say(FreeKeys{{task(n)}});
      case 5: {
        const RunId run = wanted.contains(task(n)) && random.below(4) > 0 ? wanted[task(n)] : RunId{random.below(5)};
        if (wanted.contains(task(n)) && wanted[task(n)] == run) withdraw(task(n));
        return Dialogue::say(CancelCompute{{task(n)}, {run}});
      }
      case 6: return steal(task(n));
      case 7: return Dialogue::say(AcquireReplicas{{task(n)}, {{random.below(7)}}, {random.below(60)}});
      case 8: {
        if (questions.empty()) return WorkerTick{};
        const TaskId asked = *questions.begin();
        questions.erase(questions.begin());
        return Dialogue::say(WhoHas{{asked}, {{random.below(7)}}});
      }
      case 9:
        if (random.below(3) == 0) return Dialogue::say(WorkersLost{{{1 + random.below(5)}}});
        return addresses();
      case 10:
        if (random.below(3) > 0 || running.contains(task(n)) || flying(task(n))) return read();
        put(task(n));
        std::erase(out.drop, task(n));
        return ValuesPut{{task(n)}, {random.below(60)}};
      default: return WorkerTick{random.below(8) == 0 ? random.below(400) : 1};
    }
  }

  /// As the shell's stores do: what takes a value's place voids what is in the air for it.
  void put(TaskId t) {
    store[t] = ++last_version;
    disk.erase(t);
  }
  [[nodiscard]] bool busy() const { return !running.empty() || !flights.empty() || !moves.empty(); }

  bool flying(TaskId t) const {
    return std::any_of(flights.begin(), flights.end(),
                       [&](const Fetch& f) { return std::find(f.tasks.begin(), f.tasks.end(), t) != f.tasks.end(); });
  }

  WorkerEvent compute() {
    Compute message;
    const auto count = 1 + random.below(4);
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto n = random.below(task_count);
      if (std::find(message.message.tasks.begin(), message.message.tasks.end(), task(n)) !=
          message.message.tasks.end()) {
        continue;
      }
      std::vector<Compute::Input> inputs;
      for (auto k = random.below(4); n > 0 && k > 0; --k) {
        inputs.push_back({random.below(n), random.below(7), random.below(60)});
      }
      withdraw(task(n));
      wanted[task(n)] = {++last_run};
      message.add(n, last_run, inputs, 1 + random.below(4), static_cast<std::int32_t>(random.below(3)));
    }
    return Dialogue::say(message);
  }

  WorkerEvent steal(TaskId t) {
    const RunId run = wanted.contains(t) ? wanted[t] : RunId{1};
    if (!steals.insert({t, run}).second) return WorkerTick{};  // asked already
    return Dialogue::say(StealTasks{{t}, {run}});
  }

  WorkerEvent read() {
    if (!readers.empty() && random.below(2) == 0) return stop_reading();
    readers.push_back({{task(random.below(task_count)), task(random.below(task_count))}});
    return ValuesServed{readers.back().tasks, true};
  }
  WorkerEvent stop_reading() {
    const Reader reader = readers.back();
    readers.pop_back();
    return ValuesServed{reader.tasks, false};
  }

  WorkerEvent end_move() {
    const auto at = moves.begin() + random.below(static_cast<std::uint32_t>(moves.size()));
    const Move move = *at;
    moves.erase(at);
    if (move.to_disk) {
      if (!peaceful && random.below(6) == 0) return ValuesSpilled{{move.task}, {SpillOutcome::refused}};
      const auto found = store.find(move.task);
      if (found == store.end() || found->second != move.version)
        return ValuesSpilled{{move.task}, {SpillOutcome::obsolete}};
      disk.insert(*found);
      store.erase(found);
      return ValuesSpilled{{move.task}, {SpillOutcome::written}};
    }
    const auto found = disk.find(move.task);
    if (found == disk.end() || found->second != move.version) return ValuesLoaded{{move.task}, {LoadOutcome::obsolete}};
    const bool damaged = !peaceful && random.below(4) == 0;
    if (damaged)
      lost.insert(move.task);
    else
      store.insert(*found);
    disk.erase(found);
    return ValuesLoaded{{move.task}, {damaged ? LoadOutcome::lost : LoadOutcome::loaded}};
  }

  /// A peer asked for a value whose file is damaged.
  WorkerEvent lose_one() {
    const TaskId t = disk.begin()->first;
    if (std::any_of(moves.begin(), moves.end(), [&](const Move& move) { return move.task == t; })) return WorkerTick{};
    disk.erase(t);
    lost.insert(t);
    return ValuesLost{{t}};
  }

  WorkerEvent end_something() {
    if (!peaceful && !disk.empty() && random.below(20) == 0) return lose_one();
    if (!moves.empty() && ((running.empty() && flights.empty()) || random.below(2) == 0)) return end_move();
    if (!flights.empty() && (running.empty() || random.below(2) == 0)) return end_fetch();
    if (running.empty()) return WorkerTick{};
    auto at = std::next(running.begin(), random.below(static_cast<std::uint32_t>(running.size())));
    const auto [t, state] = *at;
    if (!peaceful && random.below(5) == 0) {
      at->second.seceded = !state.seceded;
      return ExecutionSeceded{t, state.run, !at->second.seceded};
    }
    Done done;
    running.erase(at);
    if (state.retract && random.below(2) == 0) {
      done.retracted(t.index(), state.run.value);
    } else if (!peaceful && random.below(4) == 0) {
      done.erred(t.index(), state.run.value);
    } else {
      put(t);
      done.finished(t.index(), state.run.value, random.below(60), random.below(900));
    }
    return done.event;
  }

  WorkerEvent end_fetch() {
    const auto at = flights.begin() + random.below(static_cast<std::uint32_t>(flights.size()));
    const Fetch fetch = *at;
    flights.erase(at);
    FetchDone done{fetch.fetch, FetchOutcome::ok, {}, {}, {}};
    if (!peaceful && random.below(3) == 0) {
      done.outcome = random.below(2) == 0 ? FetchOutcome::busy : FetchOutcome::lost;
      return done;
    }
    for (const TaskId t : fetch.tasks) {
      const auto fate = peaceful ? 0 : random.below(4);
      if (fate <= 1) {
        put(t);
        done.received.push_back(t);
        done.nbytes.push_back(random.below(60));
      } else if (fate == 2) {
        done.missing.push_back(t);
      }
    }
    return done;
  }

  Random random;
  Dialogue d;
  WorkerEffects out;
  bool peaceful{};
  bool drained{};
  bool closed{};
  std::uint32_t last_run{};
  std::map<TaskId, RunId> wanted;
  std::set<std::pair<TaskId, RunId>> withdrawn;  ///< in this turn
  std::map<TaskId, Running> running;
  std::vector<Fetch> flights;
  std::set<TaskId> questions;
  std::set<std::pair<TaskId, RunId>> steals;
  std::vector<Reader> readers;
  struct Move {
    TaskId task;
    std::uint64_t version{};
    bool to_disk{};
  };
  std::vector<Move> moves;
  std::map<TaskId, std::uint64_t> store;  ///< with a number that no other value has
  std::map<TaskId, std::uint64_t> disk;
  std::set<TaskId> lost;  ///< in this turn
  std::uint64_t last_version{};

public:
  std::uint64_t spills{};
  std::uint64_t loads{};
};

void play(std::uint64_t first, std::uint64_t last, void (History::*end)()) {
  std::uint64_t spills = 0;
  std::uint64_t loads = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    for (int i = 0; i < 200; ++i) {
      history.step();
      if (testing::Test::HasFailure()) return;
    }
    (history.*end)();
    if (testing::Test::HasFailure()) return;
    spills += history.spills;
    loads += history.loads;
  }
  EXPECT_GT(spills, last - first);
  EXPECT_GT(loads, (last - first) / 2);
}

TEST(worker_state_history, asks_to_stop_what_nobody_wants_also_if_it_is_being_stolen_or_gave_its_slot_back) {
  WorkerConfig config;
  config.threads = 2;
  Dialogue d(config);
  d.turn(d.say(Compute().add(1).add(2))).executes({1, 2});
  d.turn(d.say(StealTasks{tasks({1}), {{1}}})).retracts({1});
  d.turn(ExecutionSeceded{task(2), {1}, false}).says(TasksSeceded{tasks({2}), {{1}}, {0}});
  d.turn(d.say(CancelCompute{tasks({1, 2}), {{1}, {1}}})).stops({1, 2});
  d.turn(Done().finished(1).finished(2).event).says(steal_reply(1, StealRefusal::started)).drops({1, 2});
  EXPECT_EQ(d.worker.key_count(), 0u);
}

TEST(worker_state_history, keeps_its_invariants_and_ends_all_that_is_wanted_whatever_is_said_and_happens) {
  play(1, 600, &History::finish);
}

TEST(worker_state_history, drains_from_any_state) { play(10'001, 10'150, &History::drain); }

}  // namespace
}  // namespace troupe
