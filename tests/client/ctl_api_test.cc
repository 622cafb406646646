// Goal: /api/v1 answers with the bytes that `ballastctl -o json` prints, and with clear errors.
// Method: both sides of one daemon whose clock stands still.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "daemon/admin/api_service.h"
#include "tests/client/ctl_runner.h"
#include "tests/client/hand_turned_daemon.h"

namespace ballast::ctl {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class CtlApiTest : public testing::Test {
 protected:
  ApiReply Get(const std::string& path, const std::string& query = "") {
    return AnswerApi(daemon_.parts(), path, query);
  }

  std::string ErrorOf(const ApiReply& reply) {
    return json::parse(reply.body)["error"]["message"].get<std::string>();
  }

  HandTurnedDaemon daemon_;
};

TEST_F(CtlApiTest, HasTheBytesThatTheCommandPrints) {
  struct Case {
    const char* path;
    const char* query;
    std::vector<std::string> words;
  };
  const Case kCases[] = {
      {"/api/v1/status", "", {"status"}},
      {"/api/v1/status", "group=decode0", {"status", "--group", "decode0"}},
      {"/api/v1/groups", "", {"groups"}},
      {"/api/v1/workers", "", {"workers"}},
      {"/api/v1/workers",
       "group=prefill0&state=gone",
       {"workers", "--group", "prefill0", "--state", "gone"}},
      {"/api/v1/plan", "group=decode0", {"plan", "get", "--group", "decode0"}},
      {"/api/v1/plan",
       "group=decode0&version=0.0",
       {"plan", "get", "--group", "decode0", "--version", "0.0"}},
      {"/api/v1/plans", "group=decode0", {"plan", "list", "--group", "decode0"}},
      {"/api/v1/plans",
       "group=decode0&last=1",
       {"plan", "history", "--group", "decode0", "--last", "1"}},
      {"/api/v1/plan/diff",
       "group=decode0&from=initial&to=7.1",
       {"plan", "diff", "initial", "7.1", "--group", "decode0"}},
      {"/api/v1/plan/diff",
       "group=decode0&from=7.1&layer=0",
       {"plan", "diff", "7.1", "--layer", "0", "--group", "decode0"}},
      {"/api/v1/explain", "group=decode0", {"explain", "decode0"}},
      {"/api/v1/explain", "group=decode%30&last=5", {"explain", "decode0", "--last", "5"}},
  };
  for (const Case& one : kCases) {
    const ApiReply reply = Get(one.path, one.query);
    EXPECT_EQ(reply.code, 200) << one.path << "?" << one.query << reply.body;
    std::vector<std::string> words = one.words;
    words.insert(words.end(), {"-o", "json", "--daemon", daemon_.address()});
    EXPECT_EQ(reply.body, RunCtl(words).out) << one.path << "?" << one.query;
  }
}

TEST_F(CtlApiTest, AnswersForLoadCoverageAndHealth) {
  EXPECT_EQ(json::parse(Get("/api/v1/load", "group=decode0").body)["ep_group"], "decode0");
  const ApiReply lost = Get("/api/v1/coverage", "group=decode0&lose=row1,rank0");
  EXPECT_EQ(json::parse(lost.body)["lost_ranks"], json({0, 2, 3}));
  EXPECT_EQ(json::parse(Get("/api/v1/health").body)["daemon_id"], "ballastd-0");
}

TEST_F(CtlApiTest, APathThatIsNotThereListsThoseThatAre) {
  for (const char* path : {"/api/v1/", "/api/v1/nonsense", "/api/v2/status"}) {
    const ApiReply reply = Get(path);
    EXPECT_EQ(reply.code, 404) << path;
    EXPECT_EQ(json::parse(reply.body)["error"]["code"], "NOT_FOUND");
    EXPECT_THAT(ErrorOf(reply), HasSubstr("/api/v1/status, /api/v1/groups"));
  }
}

TEST_F(CtlApiTest, WhatIsNotThereIsFourHundredAndFour) {
  EXPECT_EQ(Get("/api/v1/status", "group=x").code, 404);
  EXPECT_THAT(ErrorOf(Get("/api/v1/status", "group=x")), HasSubstr("decode0, prefill0"));
  EXPECT_EQ(Get("/api/v1/plan", "group=decode0&version=7.9").code, 404);
}

TEST_F(CtlApiTest, AWrongValueIsFourHundredAndNamesIt) {
  struct Case {
    const char* path;
    const char* query;
    const char* message;
  };
  const Case kCases[] = {
      {"/api/v1/plans", "", "name an EP group; there are: decode0, prefill0"},
      {"/api/v1/status", "grup=x", "no parameter 'grup' here; there are: group"},
      {"/api/v1/groups", "group=x", "no parameter 'group' here; there are: none"},
      {"/api/v1/status", "group=a&group=b", "parameter 'group' is given twice"},
      {"/api/v1/status", "group=%4", "% begins no escape"},
      {"/api/v1/workers", "state=asleep", "no worker state 'asleep'; there are: synced, stale"},
      {"/api/v1/plans", "group=decode0&last=-1", "last=-1 is no number from 0 on"},
      {"/api/v1/plan", "group=decode0&version=7",
       "version='7' is neither TERM.SEQUENCE nor initial"},
      {"/api/v1/plan/diff", "group=decode0", "from=TERM.SEQUENCE or from=initial is needed"},
      {"/api/v1/plan/diff", "group=decode0&from=7.1&layer=1", "layer 1 out of [0, 1)"},
      {"/api/v1/coverage", "group=decode0&lose=node3", "lose='node3' is none of row3, rank17"},
      {"/api/v1/coverage", "group=decode0&lose=row9", "row 9 out of [0, 2)"},
      {"/api/v1/coverage", "group=decode0&lose=row4294967295", "row 4294967295 out of [0, 2)"},
  };
  for (const Case& one : kCases) {
    const ApiReply reply = Get(one.path, one.query);
    EXPECT_EQ(reply.code, 400) << one.path << "?" << one.query;
    EXPECT_THAT(ErrorOf(reply), HasSubstr(one.message));
  }
}

TEST_F(CtlApiTest, AnErrorQuotesAnyBytes) {
  EXPECT_EQ(Get("/api/v1/status", "group=%ff%22").code, 404);
  EXPECT_THAT(ErrorOf(Get("/api/v1/status", "group=%ff%22")), HasSubstr("\""));
}

}  // namespace
}  // namespace ballast::ctl
