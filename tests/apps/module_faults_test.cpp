#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/exec/function_registry.hpp"
#include "tests/apps/fault_functions.hpp"
#include "tests/apps/troupe_program.hpp"
#include "tests/support/raw_peer.hpp"
#include "troupe/troupe.hpp"

namespace troupe::apps {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using troupe::testing::RawPeer;

constexpr const char* module_file = TROUPE_TEST_FAULT_MODULE;
constexpr const char* other_build = TROUPE_TEST_OTHER_BUILD;

/// Standalone nodes, and modules that should not be loaded.
class ModuleFaults : public TroupeProgramTest {
protected:
  void start_nodes() {
    scheduler_.emplace(start_scheduler().first);
    good_.emplace(start_worker("good", {"--module", module_file}).first);
    connect();
  }
  void connect() { client_ = std::make_unique<Client>("", ClientOptions{.access_file = access_file()}); }
  /// Others are served as ever.
  void expect_unharmed() { EXPECT_EQ(client_->submit<faults::doubled>(std::uint64_t{21}).get(30s), 42U); }
  [[nodiscard]] AccessFile access() const { return *AccessFile::read(access_file()); }

  std::optional<ChildProcess> scheduler_;
  std::optional<ChildProcess> good_;
  std::unique_ptr<Client> client_;
};

TEST_F(ModuleFaults, a_worker_refuses_a_module_that_is_missing_none_or_of_another_interface_and_says_which) {
  start_nodes();
  const std::string script = write("script.so", "#!/bin/sh\nexit 0\n");
  const std::string missing = path("missing.so");
  const std::vector<std::pair<std::string, std::string>> bad{
      {missing, "No such file or directory"},
      {script, "not a 64-bit ELF shared library"},
      {TROUPE_TEST_NO_MODULE, "no TROUPE_MODULE in it"},
      {TROUPE_TEST_OLD_MODULE, "built for version " + std::to_string(module_abi_version + 1) +
                                   " of the module interface, this process has " + std::to_string(module_abi_version)}};
  for (const auto& [file, why] : bad)
    for (const std::vector<std::string>& node :
         {std::vector<std::string>{"worker", "--no-nanny"}, {"worker", "--nanny", "--nworkers", "2"}}) {
      auto command = node;
      command.insert(command.end(), {"--nthreads", "1", "--module", file});
      const auto ended = run(command);
      EXPECT_EQ(ended.status, 2) << ::testing::PrintToString(command) << ended.err;
      EXPECT_EQ(ended.out, "");
      EXPECT_THAT(ended.err, AllOf(HasSubstr("--module: module " + file), HasSubstr(why)));
      expect_unharmed();
    }
  EXPECT_EQ(client_->scheduler_info()->workers.size(), 1U);
}

TEST_F(ModuleFaults, a_local_cluster_whose_workers_cannot_load_their_module_ends_and_says_so) {
  const auto ended = run(
      {"local", "--nworkers", "2", "--nthreads", "1", "--port", "0", "--no-dashboard", "--module", path("missing.so")});
  EXPECT_EQ(ended.status, 2) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("missing.so: No such file or directory"));
  EXPECT_FALSE(std::filesystem::exists(access_file()));
}

TEST_F(ModuleFaults, a_task_of_another_build_of_its_module_waits_with_a_reason_and_fails_in_time) {
  environment_.emplace_back("TROUPE__SCHEDULER__MISSING_MODULE_TIMEOUT", "1s");
  scheduler_.emplace(start_scheduler().first);
  auto other = start_worker("other", {"--module", other_build});
  connect();
  auto task = client_->submit<faults::doubled>(std::uint64_t{1});
  const auto why = client_->explain(task);
  EXPECT_EQ(why.code, "module-missing");
  EXPECT_THAT(why.lines, Contains(HasSubstr("no worker has this build of the module 'fault_functions'")));
  try {
    (void)task.get(30s);
    FAIL() << "no worker can run it";
  } catch (const TaskFailed& failed) {
    EXPECT_EQ(failed.error().kind, TaskError::Kind::no_worker);
    EXPECT_THAT(failed.what(),
                AllOf(HasSubstr("no worker has the module 'fault_functions' in the build that the client "
                                "uses"),
                      HasSubstr("fault_functions (another build)"), HasSubstr("--module")));
  }
  good_.emplace(start_worker("good", {"--module", module_file}).first);
  expect_unharmed();
}

TEST_F(ModuleFaults, a_task_whose_module_comes_in_time_runs) {
  scheduler_.emplace(start_scheduler().first);
  auto other = start_worker("other", {"--module", other_build});
  connect();
  auto task = client_->submit<faults::doubled>(std::uint64_t{4});
  EXPECT_EQ(client_->explain(task).code, "module-missing");
  good_.emplace(start_worker("good", {"--module", module_file}).first);
  EXPECT_EQ(task.get(30s), 8U);
}

// ---- uploads -------------------------------------------------------------------------------------------------------

TEST_F(ModuleFaults, an_upload_is_refused_unless_the_operator_allows_it_and_the_option_is_named) {
  start_nodes();
  const auto outcomes = client_->upload_module(module_file);
  ASSERT_EQ(outcomes.size(), 1U);
  const auto& outcome = outcomes.at("good");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::unsupported);
  EXPECT_THAT(outcome.error().text, AllOf(HasSubstr("good takes no uploads"), HasSubstr("--allow-uploads")));
  expect_unharmed();
  const auto nobody = client_->upload_module(module_file, {"nobody"});
  ASSERT_FALSE(nobody.at("nobody"));
  EXPECT_EQ(nobody.at("nobody").error().text, "no worker is called nobody");
  EXPECT_EQ(nobody.size(), 1U);
}

TEST_F(ModuleFaults, an_uploaded_module_runs_what_waited_for_it_and_outlives_its_worker_process) {
  scheduler_.emplace(start_scheduler().first);
  connect();
  auto nanny = start("nanny", {"worker", "--nthreads", "1", "--name", "open", "--allow-uploads", "-o", "json"});
  client_->wait_for_workers(1);
  auto waiting = client_->submit<faults::doubled>(std::uint64_t{5});
  EXPECT_EQ(client_->explain(waiting).code, "module-missing");
  const auto outcomes = client_->upload_module(module_file);
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_TRUE(outcomes.at("open")) << outcomes.at("open").error().text;
  EXPECT_EQ(waiting.get(30s), 10U);
  EXPECT_THAT(run({"list", "workers", "-o", "json"}).out, HasSubstr("fault_functions"));

  const auto pid = client_->scheduler_info()->workers.at(0).pid;
  ASSERT_EQ(::kill(static_cast<pid_t>(pid), SIGKILL), 0);
  EXPECT_EQ(client_->submit<faults::doubled>(std::uint64_t{6}).get(30s), 12U) << read(path("nanny.err"));
  EXPECT_NE(client_->scheduler_info()->workers.at(0).pid, pid);
  EXPECT_EQ(nanny.stop(), 0);
}

TEST_F(ModuleFaults, an_upload_that_is_not_what_its_hash_says_or_of_another_interface_is_refused) {
  start_nodes();
  std::filesystem::create_directory(path("uploads"));
  auto [open, said] = start_worker("open", {"--allow-uploads", "--upload-directory", path("uploads")});
  const std::string address(said.at("address").as_string());
  const auto file = read_module_file(module_file);
  ASSERT_TRUE(file);
  const auto put = [&](KeyKind key, const std::string& hash) {
    RawPeer peer(address);
    EXPECT_TRUE(peer.shake_hands(RawPeer::hello(Role::peer, key, access()), access()));
    peer.ask(PutModule{{1}, "libfaults.so", hash, file->bytes.size()});
    peer.send(file->bytes.span());
    const auto reply = peer.hear<PeerMessage, PutReply>();
    return reply && reply->error ? reply->error->text : "no error";
  };
  EXPECT_THAT(put(KeyKind::client, std::string(64, '0')),
              HasSubstr("its SHA-256 is " + file->sha256 + ", not " + std::string(64, '0')));
  EXPECT_THAT(put(KeyKind::client, "../../etc/passwd"), HasSubstr("not 64 hexadecimal digits"));
  EXPECT_THAT(put(KeyKind::worker, file->sha256), HasSubstr("uploaded with the client key"));

  const auto old = client_->upload_module(TROUPE_TEST_OLD_MODULE, {"open"});
  ASSERT_FALSE(old.at("open"));
  EXPECT_THAT(old.at("open").error().text, HasSubstr("of the module interface"));
  EXPECT_THROW((void)client_->upload_module(write("script.so", "#!/bin/sh\n")), InvalidRequest);
  EXPECT_THROW((void)client_->upload_module(path("missing.so")), InvalidRequest);

  EXPECT_TRUE(std::filesystem::is_empty(path("uploads"))) << "nothing refused is kept";
  expect_unharmed();
  EXPECT_EQ(open.stop(), 0);
}

TEST_F(ModuleFaults, modules_in_the_upload_directory_are_loaded_at_the_next_start_if_they_are_what_they_say) {
  scheduler_.emplace(start_scheduler().first);
  connect();
  const std::vector<std::string> flags{"--allow-uploads", "--upload-directory", path("uploads")};
  {
    auto [first, said] = start_worker("first", flags);
    ASSERT_TRUE(client_->upload_module(module_file).at("first"));
    EXPECT_EQ(first.stop(), 0);
  }
  write("uploads/" + std::string(64, '0') + ".so", "changed on the disk");
  auto [second, said] = start_worker("second", flags);
  expect_unharmed();
  EXPECT_EQ(second.stop(), 0);
  EXPECT_THAT(read(path("second.err")), HasSubstr("uploaded before, left out"));
}

TEST_F(ModuleFaults, an_upload_directory_that_cannot_be_used_or_has_no_use_is_a_usage_error) {
  auto scheduler = start_scheduler();
  const auto file = write("file", "");
  for (const auto& directory : {file + "/below", file, std::string("/proc/nothing")})
    for (const char* nanny : {"--nanny", "--no-nanny"}) {
      const auto ended = run({"worker", nanny, "--allow-uploads", "--upload-directory", directory});
      EXPECT_EQ(ended.status, 2) << directory << ended.err;
      EXPECT_THAT(ended.err, HasSubstr("--upload-directory " + directory));
    }
  const auto useless = run({"worker", "--upload-directory", path("uploads")});
  EXPECT_EQ(useless.status, 2);
  EXPECT_THAT(useless.err, HasSubstr("--allow-uploads"));
}

}  // namespace
}  // namespace troupe::apps
