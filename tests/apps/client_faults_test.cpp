#include <atomic>
#include <csignal>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include "tests/apps/fault_functions.hpp"
#include "tests/apps/troupe_program.hpp"
#include "tests/support/cutting_proxy.hpp"
#include "tests/support/fifo.hpp"
#include "troupe/troupe.hpp"

namespace troupe::apps {
namespace {

using namespace std::chrono_literals;
using troupe::testing::CuttingProxy;
using troupe::testing::Fifo;

/// Standalone nodes, and clients and connections that fail.
class ClientFaults : public TroupeProgramTest {
protected:
  [[nodiscard]] std::unique_ptr<Client> connect(const std::string& address = {}) const {
    return std::make_unique<Client>(address, ClientOptions{.access_file = access_file()});
  }
  [[nodiscard]] boost::json::object identity() const {
    const auto status = run({"status", "-o", "json"});
    EXPECT_EQ(status.status, 0) << status.err;
    return boost::json::parse(status.out).as_object();
  }
  [[nodiscard]] static std::uint64_t known_tasks(const boost::json::object& identity) {
    std::uint64_t sum = 0;
    for (const auto& [state, count] : identity.at("tasks").as_object()) sum += count.to_number<std::uint64_t>();
    return sum;
  }
};

/// A proxy on a thread of its own.
class ProxyThread {
public:
  ProxyThread(std::uint16_t target, std::function<std::uint64_t()> budget)
      : proxy_(std::make_unique<CuttingProxy>(io_, target, std::move(budget))), thread_([this] { io_.run(); }) {}
  ~ProxyThread() {
    io_.stop();
    thread_.join();
  }
  [[nodiscard]] std::string address() const { return proxy_->address(); }
  [[nodiscard]] int cuts() {
    return boost::asio::post(io_, boost::asio::use_future([this] { return proxy_->cuts(); })).get();
  }

private:
  boost::asio::io_context io_;
  std::unique_ptr<CuttingProxy> proxy_;
  std::thread thread_;
};

TEST_F(ClientFaults, a_cancelled_task_that_runs_is_asked_to_stop_and_its_slot_is_free_again) {
  auto scheduler = start_scheduler();
  auto worker = start_worker("alpha", {"--module", TROUPE_TEST_FAULT_MODULE});
  const auto client = connect();
  Fifo fifo(path("fifo"));
  auto held = client->submit<faults::hold>(fifo.path());
  ASSERT_EQ(fifo.read_line(), "started");
  auto behind = client->submit<faults::doubled>(std::uint64_t{4});
  client->cancel(held, false, "not needed");
  EXPECT_EQ(fifo.read_line(), "stopped");
  EXPECT_THROW((void)held.get(20s), Cancelled);
  EXPECT_EQ(behind.get(20s), 8U) << "the worker's only thread is free";
}

TEST_F(ClientFaults, a_released_task_that_runs_is_asked_to_stop_too) {
  auto scheduler = start_scheduler();
  auto worker = start_worker("alpha", {"--module", TROUPE_TEST_FAULT_MODULE});
  const auto client = connect();
  Fifo fifo(path("fifo"));
  {
    auto held = client->submit<faults::hold>(fifo.path());
    ASSERT_EQ(fifo.read_line(), "started");
  }
  EXPECT_EQ(fifo.read_line(), "stopped");
}

TEST_F(ClientFaults, a_worker_that_is_told_to_end_lets_its_task_finish_and_a_second_signal_ends_it_at_once) {
  auto [scheduler, scheduler_said] = start_scheduler();
  const auto client = connect();
  Fifo fifo(path("fifo"));
  for (const std::string kind : {"--no-nanny", "--nanny"}) {
    for (const bool twice : {false, true}) {
      const std::string name = "worker" + kind + (twice ? "-twice" : "-once");
      auto [worker, said] = start_worker(name, {kind, "--module", TROUPE_TEST_FAULT_MODULE});
      auto held = client->submit<faults::hold>(fifo.path());
      ASSERT_EQ(fifo.read_line(), "started");
      worker.signal(SIGTERM);
      const auto draining = [&] { return read(path(name + ".err")).find("draining") != std::string::npos; };
      for (const auto deadline = std::chrono::steady_clock::now() + 20s;
           !draining() && std::chrono::steady_clock::now() < deadline;)
        std::this_thread::yield();
      ASSERT_TRUE(draining()) << name;
      EXPECT_FALSE(worker.wait(200ms)) << name << " lets its task finish";
      if (twice) {
        worker.signal(SIGTERM);
        EXPECT_EQ(worker.wait(10s), 128 + SIGTERM) << name;
        const auto gone = [&] { return identity().at("workers").as_array().empty(); };
        for (const auto deadline = std::chrono::steady_clock::now() + 20s;
             !gone() && std::chrono::steady_clock::now() < deadline;) {
        }
        EXPECT_TRUE(gone()) << name << " left its process behind";
      }
      client->cancel(held);
      if (twice) continue;
      EXPECT_EQ(fifo.read_line(), "stopped");
      EXPECT_EQ(worker.wait(20s), 0) << name;
    }
  }
  EXPECT_EQ(scheduler.stop(), 0);
}

TEST_F(ClientFaults, the_work_of_a_killed_client_is_dropped_after_its_grace_and_nothing_is_left) {
  environment_.emplace_back("TROUPE__SCHEDULER__CLIENT_GRACE", "500ms");
  auto scheduler = start_scheduler();
  auto worker = start_worker("alpha", {"--module", TROUPE_TEST_FAULT_MODULE});
  const auto other = connect();
  auto kept = other->submit<faults::doubled>(std::uint64_t{50});
  EXPECT_EQ(kept.get(20s), 100U);

  Fifo fifo(path("fifo"));
  auto victim = ChildProcess::start({ChildProcess::self(), "--hold-work", access_file(), fifo.path()});
  ASSERT_TRUE(victim);
  std::set<std::string> told;  // one runs, thousands wait
  while (told.size() < 2) {
    const auto line = fifo.read_line();
    ASSERT_TRUE(line);
    told.insert(*line);
  }
  ASSERT_EQ(told, (std::set<std::string>{"started", "submitted"}));
  const auto before = identity();
  EXPECT_EQ(before.at("clients").to_number<int>(), 3) << "the other, the victim, and who asks";
  EXPECT_GT(known_tasks(before), 6'000U);
  victim->signal(SIGKILL);
  EXPECT_EQ(victim->wait(10s), 128 + SIGKILL);

  EXPECT_EQ(fifo.read_line(), "stopped") << "what runs for nobody is asked to stop";
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  auto after = identity();
  const auto stored = [&] { return after.at("workers").as_array().at(0).at("stored").to_number<std::uint64_t>(); };
  while ((known_tasks(after) > 1 || after.at("clients").to_number<int>() > 2 || stored() > 1) &&
         std::chrono::steady_clock::now() < deadline)
    after = identity();
  EXPECT_EQ(known_tasks(after), 1U) << boost::json::serialize(after);
  EXPECT_EQ(after.at("clients").to_number<int>(), 2);
  EXPECT_EQ(stored(), 1U) << "the other client's";
  EXPECT_EQ(after.at("workers").as_array().at(0).at("processing").to_number<int>(), 0);
  EXPECT_EQ(other->submit<faults::added>(kept, std::uint64_t{1}).get(20s), 101U);
}

TEST_F(ClientFaults, what_waits_for_a_value_that_does_not_get_to_its_worker_is_cancelled) {
  auto scheduler = start_scheduler();
  auto worker = start_worker("alpha", {"--module", TROUPE_TEST_FAULT_MODULE, "--contact-address", "127.0.0.1:1"});
  const auto client = connect();
  const auto value = client->scatter(std::uint64_t{4});
  const auto waiting = client->submit<faults::doubled>(value);
  EXPECT_THROW((void)value.get(60s), Disconnected);
  EXPECT_THROW((void)waiting.get(60s), Cancelled);
}

TEST_F(ClientFaults, connections_cut_under_load_are_resumed_with_nothing_lost_or_repeated) {
  auto [scheduler, said] = start_scheduler();
  const std::string address(said.at("address").as_string());
  std::mt19937_64 random(5);
  ProxyThread proxy(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))),
                    [&] { return 20'000 + random() % 400'000; });
  auto [worker, worker_said] =
      start_worker("alpha", {"--module", TROUPE_TEST_FAULT_MODULE, "tcp://" + proxy.address()});
  const int pid = worker.pid();
  const auto client = connect(proxy.address());
  for (std::uint64_t round = 0; round < 20; ++round) {
    std::vector<std::uint64_t> numbers(2'000);
    for (std::uint64_t i = 0; i < numbers.size(); ++i) numbers[i] = round * 10'000 + i;
    const auto values = client->gather(client->map<faults::doubled>(numbers));
    for (std::uint64_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], 2 * numbers[i]);
  }
  EXPECT_GT(proxy.cuts(), 10);
  const auto info = client->scheduler_info();
  EXPECT_EQ(info->finished, 40'000U) << "nothing ran twice";
  ASSERT_EQ(info->workers.size(), 1U);
  EXPECT_EQ(info->workers.at(0).address.worker.value, 1U) << "the worker had to register again";
  EXPECT_EQ(info->workers.at(0).pid, static_cast<std::uint64_t>(pid));
}

/// What the killed client was: some of its values are there, a task runs until it is asked to stop, and many wait.
int hold_work(const char* access_file, const char* fifo) {
  Client client("", {.access_file = access_file});
  auto done = client.map<faults::doubled>(std::vector<std::uint64_t>(1'000, 1));
  client.wait(done);
  auto held = client.submit<faults::hold>(std::string(fifo));
  auto waiting = client.map<faults::doubled>(std::vector<std::uint64_t>(5'000, 1));
  (void)client.explain(waiting.back());  // the scheduler knows them
  Fifo::tell(fifo, "submitted");
  for (;;) ::pause();
}

}  // namespace
}  // namespace troupe::apps

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--hold-work") return troupe::apps::hold_work(argv[2], argv[3]);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
