// Goal: what a writer takes a reader gives back, and no broken file is taken for a whole one.
// Method: round trips of random steps; then one fault at a time, made with plain SQLite.
#include "core/trace/trace_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/trace/random_trace.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;

class TraceFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = ::testing::TempDir() + "trace_file_test." + test->name() + ".trace";
    std::filesystem::remove(path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }

  // Writes `num_steps` random steps of a few tokens.
  std::vector<TraceStep> WriteTrace(const TraceInfo& info, int num_steps) {
    Random random(TestSeed());
    auto writer = TraceWriter::Create(path_, info);
    EXPECT_TRUE(writer.ok()) << writer.status();
    std::vector<TraceStep> steps;
    for (int i = 0; i < num_steps; ++i) {
      steps.push_back(RandomStep(info, static_cast<int>(random.Below(40)), random));
      EXPECT_TRUE((*writer)->Append(steps.back()).ok());
    }
    EXPECT_TRUE((*writer)->Finish().ok());
    return steps;
  }

  void Execute(const std::string& sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(handle);
    sqlite3_close(handle);
  }

  absl::Status OpenStatus() { return TraceReader::Open(path_).status(); }

  absl::Status ReadStatus(int step) {
    auto reader = TraceReader::Open(path_);
    EXPECT_TRUE(reader.ok()) << reader.status();
    return reader.ok() ? (*reader)->Read(step).status() : reader.status();
  }

  std::string path_;
};

TEST_F(TraceFileTest, GivesBackFactsAndRanks) {
  const TraceInfo info = SmallTraceInfo();
  WriteTrace(info, 3);
  auto reader = TraceReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const TraceInfo& read = (*reader)->info();
  EXPECT_EQ(read.shape, info.shape);
  EXPECT_EQ(read.model, "small");
  EXPECT_EQ(read.source, "a test");
  EXPECT_EQ(read.licence, "CC0-1.0");
  EXPECT_EQ(read.num_request_slots, 5);
  EXPECT_EQ(read.num_steps, 3);
  ASSERT_EQ(read.ranks.size(), 3u);
  EXPECT_EQ(read.ranks[2].row, RowId(1));
  EXPECT_EQ(read.ranks[1].num_slots, 2);
  EXPECT_EQ(read.ranks[1].relative_speed, 0.5);
}

TEST_F(TraceFileTest, GivesBackEveryStepInAnyOrder) {
  SCOPED_TRACE(testing::Message() << "BALLAST_TEST_SEED=" << TestSeed());
  // More steps than one commit holds, so that both kinds of writes are read.
  const std::vector<TraceStep> steps = WriteTrace(SmallTraceInfo(), 600);
  auto reader = TraceReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_EQ((*reader)->info().num_steps, 600);
  for (int step = 599; step >= 0; --step) {
    auto read = (*reader)->Read(step);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, steps[step]) << "step " << step;
  }
}

TEST_F(TraceFileTest, GivesBackIdsAbove255) {
  TraceInfo info = SmallTraceInfo();
  info.shape.num_experts = 600;
  const std::vector<TraceStep> steps = WriteTrace(info, 4);
  auto reader = TraceReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  for (int step = 0; step < 4; ++step) EXPECT_EQ(*(*reader)->Read(step), steps[step]);
}

TEST_F(TraceFileTest, MayHaveNoStepsAndNoTopology) {
  TraceInfo info = SmallTraceInfo();
  info.ranks.clear();
  WriteTrace(info, 0);
  auto reader = TraceReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->info().num_steps, 0);
  EXPECT_TRUE((*reader)->info().ranks.empty());
}

TEST_F(TraceFileTest, ReadNamesAStepOutOfRange) {
  WriteTrace(SmallTraceInfo(), 3);
  EXPECT_EQ(ReadStatus(3).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReadStatus(-1).code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(ReadStatus(3).message()), HasSubstr("step 3 out of [0, 3)"));
}

TEST_F(TraceFileTest, CreateRefusesAnExistingFileAndLeavesItAlone) {
  std::ofstream(path_) << "precious";
  EXPECT_EQ(TraceWriter::Create(path_, SmallTraceInfo()).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(std::filesystem::file_size(path_), 8u);
}

TEST_F(TraceFileTest, CreateReportsAnUnwritablePlaceAsInternal) {
  EXPECT_EQ(TraceWriter::Create(path_ + ".absent/x.trace", SmallTraceInfo()).status().code(),
            absl::StatusCode::kInternal);
}

TEST_F(TraceFileTest, CreateRefusesBadFactsBeforeItMakesAFile) {
  TraceInfo no_layers = SmallTraceInfo();
  no_layers.shape.num_layers = 0;
  TraceInfo no_requests = SmallTraceInfo();
  no_requests.num_request_slots = 0;
  TraceInfo bad_rank = SmallTraceInfo();
  bad_rank.ranks[1].num_slots = 0;
  for (const TraceInfo& info : {no_layers, no_requests, bad_rank}) {
    EXPECT_EQ(TraceWriter::Create(path_, info).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
}

TEST_F(TraceFileTest, AppendNamesStepTokenAndValue) {
  const TraceInfo info = SmallTraceInfo();
  auto writer = TraceWriter::Create(path_, info);
  ASSERT_TRUE(writer.ok());
  Random random(TestSeed());
  const TraceStep good = RandomStep(info, 4, random);
  ASSERT_TRUE((*writer)->Append(good).ok());

  TraceStep bad_expert = good;
  bad_expert.experts[2 * 6 + 3] = 8;  // Token 2, layer 1.
  const absl::Status expert_status = (*writer)->Append(bad_expert);
  EXPECT_EQ(expert_status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(expert_status.message()),
              HasSubstr("step 1, token 2, layer 1: expert 8 out of [0, 8)"));

  TraceStep bad_slot = good;
  bad_slot.request_slot[3] = 5;
  EXPECT_THAT(std::string((*writer)->Append(bad_slot).message()),
              HasSubstr("token 3: request slot 5 out of [0, 5)"));

  TraceStep short_step = good;
  short_step.experts.pop_back();
  EXPECT_THAT(std::string((*writer)->Append(short_step).message()),
              HasSubstr("23 expert ids for 4 tokens of 6 picks"));

  // What was refused left no trace.
  ASSERT_TRUE((*writer)->Finish().ok());
  auto reader = TraceReader::Open(path_);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->info().num_steps, 1);
}

TEST_F(TraceFileTest, NothingIsAppendedAfterFinish) {
  auto writer = TraceWriter::Create(path_, SmallTraceInfo());
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Finish().ok());
  EXPECT_FALSE((*writer)->Append(TraceStep()).ok());
  EXPECT_FALSE((*writer)->Finish().ok());
}

TEST_F(TraceFileTest, OpenReportsAMissingFileAsNotFound) {
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kNotFound);
}

TEST_F(TraceFileTest, OpenRefusesWhatIsNoTrace) {
  std::ofstream(path_) << std::string(5000, 'x');
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(OpenStatus().message()), HasSubstr("not a trace"));

  std::filesystem::remove(path_);
  std::ofstream(path_).flush();
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kInvalidArgument);

  std::filesystem::remove(path_);
  Execute("CREATE TABLE fact(name, value)");
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(OpenStatus().message()), HasSubstr("application id 0"));
}

TEST_F(TraceFileTest, OpenNamesBothVersionsOfANewerSchema) {
  WriteTrace(SmallTraceInfo(), 1);
  Execute("PRAGMA user_version = 7");
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(OpenStatus().message()),
              HasSubstr("schema version 7; this reader knows version 1"));
}

TEST_F(TraceFileTest, OpenReportsAnUnfinishedTraceAsDataLoss) {
  {
    auto writer = TraceWriter::Create(path_, SmallTraceInfo());
    ASSERT_TRUE(writer.ok());
    Random random(TestSeed());
    ASSERT_TRUE((*writer)->Append(RandomStep(SmallTraceInfo(), 4, random)).ok());
  }
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(OpenStatus().message()), HasSubstr("never finished"));
}

// Each of these makes the file unusable in another way.
TEST_F(TraceFileTest, OpenReportsBrokenTablesAsDataLoss) {
  const std::string faults[] = {
      "DROP TABLE fact",
      "DROP TABLE rank",
      "DROP TABLE step",
      "DROP TABLE ranking",
      "DELETE FROM fact WHERE name = 'top_k'",
      "UPDATE fact SET value = 'two' WHERE name = 'top_k'",
      "UPDATE fact SET value = -1 WHERE name = 'num_layers'",
      "UPDATE fact SET value = 1 << 40 WHERE name = 'num_layers'",
      "UPDATE fact SET value = 0 WHERE name = 'num_experts'",
      "UPDATE fact SET value = 5 WHERE name = 'model'",
      "DELETE FROM rank WHERE rank = 1",
      "UPDATE rank SET num_slots = 0",
      "UPDATE rank SET num_slots = (1 << 32) + 3",
      "UPDATE ranking SET orders = x'00'",
      "UPDATE ranking SET orders = 5",
  };
  for (const std::string& fault : faults) {
    std::filesystem::remove(path_);
    WriteTrace(SmallTraceInfo(), 400);
    Execute(fault);
    EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kDataLoss) << fault << ": " << OpenStatus();
  }
}

TEST_F(TraceFileTest, ReadReportsABrokenStepAsDataLossAndReadsTheOthers) {
  const std::string faults[] = {
      "DELETE FROM step WHERE step = 1",
      "UPDATE step SET tokens = x'28b52ffd00' WHERE step = 1",
      "UPDATE step SET tokens = 'text' WHERE step = 1",
      "UPDATE step SET tokens = zeroblob(length(tokens)) WHERE step = 1",
      "UPDATE step SET tokens = substr(tokens, 1, length(tokens) - 3) WHERE step = 1",
      "UPDATE step SET num_tokens = num_tokens + 1 WHERE step = 1",
      "UPDATE step SET num_tokens = -1 WHERE step = 1",
      "UPDATE step SET num_tokens = 1 << 62 WHERE step = 1",
      "UPDATE step SET num_tokens = 'many' WHERE step = 1",
  };
  for (const std::string& fault : faults) {
    std::filesystem::remove(path_);
    WriteTrace(SmallTraceInfo(), 3);
    Execute(fault);
    EXPECT_EQ(ReadStatus(1).code(), absl::StatusCode::kDataLoss) << fault;
    EXPECT_THAT(std::string(ReadStatus(1).message()), HasSubstr("step 1")) << fault;
    EXPECT_TRUE(ReadStatus(2).ok()) << fault;
  }
}

TEST_F(TraceFileTest, ReadReportsIdsOutsideTheShapeAsDataLoss) {
  // The same layers and top-k make blobs of one size: only the ids tell.
  WriteTrace(SmallTraceInfo(), 20);
  Execute("UPDATE fact SET value = 2 WHERE name = 'num_experts'");
  EXPECT_EQ(ReadStatus(19).code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(ReadStatus(19).message()), HasSubstr("out of [0, 2)"));
}

TEST_F(TraceFileTest, AFlippedByteInAnyPageIsNeverReadAsAnotherStep) {
  const std::vector<TraceStep> steps = WriteTrace(SmallTraceInfo(), 40);
  const auto size = std::filesystem::file_size(path_);
  std::ifstream in(path_, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  Random random(TestSeed());
  int faults_seen = 0;
  for (int i = 0; i < 300; ++i) {
    std::string broken = whole;
    const std::size_t at = random.Below(size);
    broken[at] = static_cast<char>(broken[at] ^ (1 << random.Below(8)));
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << broken;
    auto reader = TraceReader::Open(path_);
    if (!reader.ok()) {
      ++faults_seen;
      continue;
    }
    for (int step = 0; step < std::min(40, (*reader)->info().num_steps); ++step) {
      auto read = (*reader)->Read(step);
      if (!read.ok()) {
        ++faults_seen;
        continue;
      }
      // Request slots and ids may only change where the facts did.
      if ((*reader)->info().shape == SmallTraceInfo().shape) {
        EXPECT_EQ(*read, steps[step]) << "byte " << at << ", seed " << TestSeed();
      }
    }
  }
  EXPECT_GT(faults_seen, 0);
}

}  // namespace
}  // namespace ballast
