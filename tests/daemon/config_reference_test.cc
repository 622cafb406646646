// Goal: people read what the program does. Method: the reference and the example file in the
// tree are what the keys' description makes of them; BALLAST_UPDATE_GOLDEN=1 writes them anew.

#include "daemon/app/config_reference.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "daemon/app/config.h"
#include "daemon/app/config_key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ballast {
namespace {

std::string ReadTree(const std::string& path) {
  std::ifstream file(std::string(BALLAST_SOURCE_DIR "/") + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void ExpectInTree(const std::string& path, const std::string& text) {
  if (std::getenv("BALLAST_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(std::string(BALLAST_SOURCE_DIR "/") + path) << text;
  }
  EXPECT_EQ(ReadTree(path), text) << "BALLAST_UPDATE_GOLDEN=1 writes " << path << " anew";
}

TEST(ConfigReferenceTest, TheReferenceInTheTreeIsThatOfTheKeys) {
  ExpectInTree("docs/configuration.md", ConfigReference());
}

TEST(ConfigReferenceTest, TheExampleInTheTreeIsThatOfTheKeys) {
  ExpectInTree("deploy/ballastd.yaml", ConfigExample());
}

TEST(ConfigReferenceTest, TheExampleIsRightAndNamesEveryKey) {
  const absl::StatusOr<Config> config = ParseConfig(ReadTree("deploy/ballastd.yaml"));
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->values.size(), ConfigKeys().size());
  for (const ConfigValue& value : config->values) EXPECT_NE(value.source, "default") << value.key;
}

TEST(ConfigReferenceTest, TheExampleHasTheDefaultsButForItsGroupAndTheFolders) {
  const absl::StatusOr<Config> config = ParseConfig(ReadTree("deploy/ballastd.yaml"));
  ASSERT_TRUE(config.ok()) << config.status();
  for (const ConfigKey& key : ConfigKeys()) {
    if (!key.example.empty()) continue;
    const auto value = std::find_if(config->values.begin(), config->values.end(),
                                    [&](const ConfigValue& v) { return v.key == key.path; });
    EXPECT_EQ(value->text, key.preset) << key.path;
  }
}

TEST(ConfigReferenceTest, EachKeyIsExplainedOnceAndHasItsOwnVariable) {
  std::set<std::string> paths;
  std::set<std::string> variables;
  for (const ConfigKey& key : ConfigKeys()) {
    EXPECT_TRUE(paths.insert(key.path).second) << key.path;
    EXPECT_TRUE(variables.insert(EnvironmentName(key)).second) << key.path;
    EXPECT_TRUE(key.help.ends_with(".")) << key.path;
    EXPECT_NE(key.preset, "") << key.path;
  }
}

}  // namespace
}  // namespace ballast
