#include "actors/event_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/samples.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe {
namespace {

using ::testing::HasSubstr;

class EventLogTest : public ::testing::Test {
protected:
  EventLogTest() {
    file_ = folder_.path() / "events";
    header_.config.worker_ttl = std::chrono::seconds(17);
    header_.config.worker_saturation = 2.5;
    header_.config.work_stealing = false;
    header_.cluster = Token{5, 6};
    header_.epoch = Epoch{7};
    header_.seed = 99;
  }

  std::unique_ptr<EventLogWriter> create(std::uint64_t most_bytes = 1'000'000) {
    auto log = EventLogWriter::create(file_, header_, most_bytes);
    EXPECT_TRUE(log) << log.error().text;
    return std::move(*log);
  }
  EventLogReader open() {
    auto reader = EventLogReader::open(file_);
    EXPECT_TRUE(reader) << reader.error().text;
    return std::move(*reader);
  }

  troupe::testing::TemporaryFolder folder_;
  std::filesystem::path file_;
  EventLogHeader header_;
};

TEST_F(EventLogTest, GivesBackEveryEventAsItWasAndItsTime) {
  std::vector<SchedulerEvent> events{ClientJoined{{3}, {"a client"}},
                                     ClientLeft{{3}, "said goodbye"},
                                     WorkerLeft{{8}, true, "drained"},
                                     WorkerLeft{{9}, false, ""},
                                     NannyJoined{{2}, {"host", 77}},
                                     NannyLeft{{2}},
                                     SchedulerTick{},
                                     PeerReachable{WorkerId{8}, false},
                                     PeerReachable{NannyId{2}, true}};
  RegisterWorker registration;
  registration.name = "alpha";
  registration.threads = 4;
  events.push_back(WorkerJoined{{8}, registration});
  for (auto& message : samples::client_messages()) events.push_back(ClientSaid{{3}, std::move(message)});
  for (auto& message : samples::worker_messages()) events.push_back(WorkerSaid{{8}, std::move(message)});
  for (auto& message : samples::nanny_messages()) events.push_back(NannySaid{{2}, std::move(message)});
  {
    auto log = create();
    std::int64_t now = 1000;
    for (const auto& event : events) EXPECT_FALSE(log->write(event, Instant{now++}));
    EXPECT_FALSE(log->write(Placed{0x1234567890abcdef}, Instant{now}));
  }
  auto reader = open();
  EXPECT_EQ(reader.header().config.worker_ttl, header_.config.worker_ttl);
  EXPECT_EQ(reader.header().config.worker_saturation, 2.5);
  EXPECT_FALSE(reader.header().config.work_stealing);
  EXPECT_EQ(reader.header().cluster, header_.cluster);
  EXPECT_EQ(reader.header().epoch, header_.epoch);
  EXPECT_EQ(reader.header().seed, 99U);
  std::int64_t now = 1000;
  for (const auto& event : events) {
    auto record = reader.next();
    ASSERT_TRUE(record) << record.error().text;
    ASSERT_TRUE(*record);
    EXPECT_EQ((*record)->now.nanoseconds, now++);
    const auto& read = std::get<SchedulerEvent>((*record)->what);
    ASSERT_EQ(read.index(), event.index());
    if (const auto* said = std::get_if<ClientSaid>(&event)) {
      EXPECT_EQ(std::get<ClientSaid>(read).client, said->client);
      EXPECT_EQ(std::get<ClientSaid>(read).message, said->message);
    } else if (const auto* word = std::get_if<WorkerSaid>(&event)) {
      EXPECT_EQ(std::get<WorkerSaid>(read).message, word->message);
    } else if (const auto* left = std::get_if<WorkerLeft>(&event)) {
      EXPECT_EQ(std::get<WorkerLeft>(read).worker, left->worker);
      EXPECT_EQ(std::get<WorkerLeft>(read).graceful, left->graceful);
      EXPECT_EQ(std::get<WorkerLeft>(read).reason, left->reason);
    } else if (const auto* joined = std::get_if<WorkerJoined>(&event)) {
      EXPECT_EQ(std::get<WorkerJoined>(read).registration, joined->registration);
    } else if (const auto* wire = std::get_if<PeerReachable>(&event)) {
      EXPECT_EQ(std::get<PeerReachable>(read).peer, wire->peer);
      EXPECT_EQ(std::get<PeerReachable>(read).reachable, wire->reachable);
    }
  }
  EXPECT_EQ(std::get<Placed>((*reader.next())->what).digest, 0x1234567890abcdefU);
  EXPECT_FALSE(*reader.next());
  EXPECT_FALSE(reader.cut_off());
}

TEST_F(EventLogTest, ARecordThatIsCutOffIsTheEnd) {
  {
    auto log = create();
    EXPECT_FALSE(log->write(ClientJoined{{1}, {"first"}}, Instant{1}));
    EXPECT_FALSE(log->write(ClientJoined{{2}, {"second"}}, Instant{2}));
  }
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) - 3);
  auto reader = open();
  EXPECT_TRUE(*reader.next());
  EXPECT_FALSE(*reader.next());
  EXPECT_TRUE(reader.cut_off());
}

TEST_F(EventLogTest, DamageIsToldWithItsPlace) {
  { EXPECT_FALSE(create()->write(ClientJoined{{1}, {"first"}}, Instant{1})); }
  const auto begin = [&] {
    std::filesystem::remove(file_);
    create().reset();
    return std::filesystem::file_size(file_);
  }();
  { EXPECT_FALSE(create()->write(ClientJoined{{1}, {"first"}}, Instant{1})); }
  std::fstream(file_, std::ios::in | std::ios::out | std::ios::binary).seekp(static_cast<long>(begin) + 4).put('\x63');
  auto reader = open();
  const auto record = reader.next();
  ASSERT_FALSE(record);
  EXPECT_THAT(record.error().text, HasSubstr("record 1 at byte " + std::to_string(begin)));
}

TEST_F(EventLogTest, AnotherFileIsRefused) {
  std::ofstream(file_) << "something else altogether";
  const auto reader = EventLogReader::open(file_);
  ASSERT_FALSE(reader);
  EXPECT_THAT(reader.error().text, HasSubstr("no event log"));
  EXPECT_FALSE(EventLogReader::open(folder_.path() / "none"));
}

TEST_F(EventLogTest, EndsAtItsLimitAndSaysSoOnce) {
  auto log = create(40);
  EXPECT_FALSE(log->write(SchedulerTick{}, Instant{1}));
  const auto error = log->write(ClientLeft{{1}, std::string(100, 'x')}, Instant{2});
  ASSERT_TRUE(error);
  EXPECT_THAT(error->text, HasSubstr("over 40 bytes"));
  EXPECT_FALSE(log->write(SchedulerTick{}, Instant{3}));
  log.reset();
  auto reader = open();
  EXPECT_TRUE(*reader.next());
  EXPECT_FALSE(*reader.next());
}

TEST_F(EventLogTest, AFullDiskEndsItWithAnError) {
  auto log = EventLogWriter::create("/dev/full", header_, 1000);
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().text, HasSubstr("No space left"));
}

}  // namespace
}  // namespace troupe
