#include "daemon/observe/event_log.h"

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace ballast {
namespace {

TEST(EventLogTest, LogfmtQuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(FormatEvent(false, "plan.decided",
                        {{"group", "demo"}, {"plan", "7.42 (a91f03c2)"}, {"empty", ""}}),
            "event=plan.decided group=demo plan=\"7.42 (a91f03c2)\" empty=\"\"");
}

TEST(EventLogTest, LogfmtKeepsALineALine) {
  EXPECT_EQ(FormatEvent(false, "a", {{"text", "two\nlines \"quoted\" a=b"}}),
            "event=a text=\"two\\nlines \\\"quoted\\\" a=b\"");
}

TEST(EventLogTest, JsonIsJsonWhateverTheFieldsHold) {
  const std::string inside = FormatEvent(true, "a.b", {{"text", "\"\\\n\xff{}"}, {"n", "1"}});
  const nlohmann::json parsed = nlohmann::json::parse("{" + inside + "}");
  EXPECT_EQ(parsed["event"], "a.b");
  EXPECT_EQ(parsed["n"], "1");
}

}  // namespace
}  // namespace ballast
