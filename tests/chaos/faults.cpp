#include "tests/chaos/faults.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <csignal>

#include <fmt/format.h>

namespace troupe::chaos_tests {

namespace {

/// What somebody says who does not speak our protocol.
void say_nonsense(std::uint16_t port, std::mt19937_64& random) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect({boost::asio::ip::address_v4::loopback(), port}, error);
  std::string nonsense(200, '\0');
  for (char& each : nonsense) each = static_cast<char>(random());
  boost::asio::write(socket, boost::asio::buffer(nonsense), error);
}

}  // namespace

Faults::Faults(Cluster& cluster, std::uint64_t seed, bool long_ones) : cluster_(cluster), random_(seed) {
  add_process_faults(long_ones);
  add_client_faults();
  add_network_faults(long_ones);
}

milliseconds Faults::between(int least_ms, int most_ms) {
  return milliseconds(std::uniform_int_distribution<int>(least_ms, most_ms)(random_));
}

void Faults::stop_process(int pid, bool stop) {
  if (pid > 0) ::kill(pid, stop ? SIGSTOP : SIGCONT);
}

void Faults::add_process_faults(bool long_ones) {
  const auto at_once = milliseconds(1'000);  // before the same one meets another
  kinds_.push_back({"worker killed",
                    Victim::worker,
                    [this, at_once](std::size_t i) {
                      if (const int pid = cluster_.workers()[i].worker_pid()) ::kill(pid, SIGKILL);
                      return at_once;
                    },
                    {}});
  kinds_.push_back({"nanny killed",
                    Victim::worker,
                    [this, at_once](std::size_t i) {
                      cluster_.workers()[i].may_end = true;
                      cluster_.workers()[i].nanny->signal(SIGKILL);
                      return at_once;
                    },
                    {}});
  kinds_.push_back({"worker drained",
                    Victim::worker,
                    [this](std::size_t i) {
                      cluster_.workers()[i].may_end = true;
                      cluster_.workers()[i].nanny->signal(SIGTERM);
                      return milliseconds(3'000);
                    },
                    {}});
  const auto stop = [this, long_ones](bool long_enough_to_be_lost) {
    return [this, long_enough_to_be_lost](std::size_t i) {
      stopped_[i] = cluster_.workers()[i].worker_pid();
      stop_process(stopped_[i], true);
      return long_enough_to_be_lost ? between(12'000, 16'000) : between(500, 3'000);
    };
  };
  const auto go_on = [this](std::size_t i) { stop_process(stopped_[i], false); };
  kinds_.push_back({"worker stopped", Victim::worker, stop(false), go_on});
  if (long_ones) kinds_.push_back({"worker stopped until it is lost", Victim::worker, stop(true), go_on});
  kinds_.push_back({"scheduler stopped", Victim::scheduler,
                    [this](std::size_t) {
                      scheduler_stopped_ = true;
                      stop_process(cluster_.scheduler().pid(), true);
                      return between(200, 2'000);
                    },
                    [this](std::size_t) {
                      stop_process(cluster_.scheduler().pid(), false);
                      scheduler_stopped_ = false;
                    }});
  kinds_.push_back({"nonsense from a stranger",
                    Victim::stranger,
                    [this](std::size_t any) {
                      say_nonsense(any % 2 == 0 ? cluster_.scheduler_port() : cluster_.workers()[any % 4].port,
                                   random_);
                      return milliseconds(0);
                    },
                    {}});
}

void Faults::add_client_faults() {
  kinds_.push_back({"client killed",
                    Victim::client,
                    [this](std::size_t i) {
                      auto& slot = cluster_.clients()[i];
                      cluster_.kill_client(slot);
                      cluster_.start_client(slot);
                      return milliseconds(1'000);
                    },
                    {}});
  kinds_.push_back({"client stopped", Victim::client,
                    [this](std::size_t i) {
                      stop_process(cluster_.clients()[i].process->pid(), true);
                      return between(500, 3'000);
                    },
                    [this](std::size_t i) { stop_process(cluster_.clients()[i].process->pid(), false); }});
  kinds_.push_back({"task that aborts its worker",
                    Victim::client,
                    [this](std::size_t i) {
                      cluster_.clients()[i].process->signal(SIGUSR1);
                      return milliseconds(1'000);
                    },
                    {}});
}

/// Of workers and of clients with the scheduler, then those for the values of workers.
FrameProxy& Faults::wire_of(std::size_t number) const {
  auto& workers = cluster_.workers();
  auto& clients = cluster_.clients();
  if (number < workers.size()) return *workers[number].control;
  number -= workers.size();
  if (number < clients.size()) return *clients[number].control;
  return *workers[number - clients.size()].data;
}

void Faults::add_network_faults(bool long_ones) {
  const auto heal = [this](std::size_t i) { wire_of(i).heal(); };
  const auto add = [&](const char* name, std::function<milliseconds(FrameProxy&)> harm, Victim victim = Victim::wire) {
    kinds_.push_back({name, victim, [this, harm](std::size_t i) { return harm(wire_of(i)); }, heal});
  };
  add("connection reset", [](FrameProxy& wire) {
    wire.reset();
    return milliseconds(200);
  });
  add("half-open", [this](FrameProxy& wire) {
    wire.half_open(random_() % 2 == 0 ? FrameProxy::End::source : FrameProxy::End::target);
    return milliseconds(1'000);
  });
  add("black hole", [this](FrameProxy& wire) {
    wire.black_hole(true);
    return between(500, 4'000);
  });
  if (long_ones)
    add("black hole until it is lost", [this](FrameProxy& wire) {
      wire.black_hole(true);
      return between(12'000, 16'000);
    });
  add("delay", [this](FrameProxy& wire) {
    wire.delay(between(20, 300));
    return between(2'000, 5'000);
  });
  add("slow link", [this](FrameProxy& wire) {
    wire.limit(static_cast<std::uint64_t>(between(20'000, 400'000).count()));
    return between(2'000, 5'000);
  });
  const auto twice = [](FrameProxy& wire) {
    wire.duplicate_frame();
    return milliseconds(3'000);
  };
  const auto torn = [](FrameProxy& wire) {
    wire.tear_frame();
    return milliseconds(3'000);
  };
  add("frame twice", twice, Victim::session);
  add("torn frame", torn, Victim::session);
}

std::size_t Faults::candidates(Victim victim) const {
  const std::size_t workers = cluster_.workers().size();
  const std::size_t clients = cluster_.clients().size();
  switch (victim) {
    case Victim::worker: return workers;
    case Victim::session: return workers + clients;
    case Victim::wire: return 2 * workers + clients;
    case Victim::client: return clients;
    case Victim::stranger: return 2 * workers;
    case Victim::scheduler: return 1;
  }
  return 1;
}

bool Faults::free(Victim victim, std::size_t number) const {
  const auto wired = [](Victim kind) { return kind == Victim::wire || kind == Victim::session; };
  const std::size_t most = victim == Victim::worker || wired(victim) ? 2 : 1;
  std::size_t active = 0;
  for (const Active& each : active_) {
    if (each.kind->victim != victim && !(wired(each.kind->victim) && wired(victim))) continue;
    if (each.victim == number || ++active == most) return false;
  }
  if (wired(victim)) return wire_of(number).counts().open > 0;
  return victim != Victim::worker || cluster_.workers()[number].worker_pid() != 0;
}

std::string Faults::begin() {
  if (deck_.empty()) {
    for (const auto& kind : kinds_) deck_.push_back(&kind);
    std::shuffle(deck_.begin(), deck_.end(), random_);
  }
  const Kind* kind = deck_.back();
  const std::size_t victim = random_() % candidates(kind->victim);
  if (!free(kind->victim, victim)) return {};
  deck_.pop_back();
  const auto length = kind->begin(victim);
  active_.push_back({kind, victim, Clock::now() + length});
  ++counts_[kind->name];
  return fmt::format("{} ({}) for {} ms", kind->name, victim, length.count());
}

void Faults::end_due() {
  for (std::size_t i = 0; i < active_.size();) {
    if (active_[i].until > Clock::now()) {
      ++i;
      continue;
    }
    const Active over = active_[i];
    active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(i));
    if (over.kind->end) over.kind->end(over.victim);
  }
}

void Faults::end_all() {
  for (auto& each : active_) each.until = {};
  end_due();
}

}  // namespace troupe::chaos_tests
