#ifndef BALLAST_TESTS_CONTRACT_STORE_IMPLEMENTATIONS_H_
#define BALLAST_TESTS_CONTRACT_STORE_IMPLEMENTATIONS_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "core/store/in_memory_plan_store.h"
#include "core/store/plan_store.h"
#include "daemon/store/sqlite_plan_store.h"
#include "tests/base/temp_folder.h"

namespace ballast {

// One kind of store, and how to make one in a folder.
struct StoreImplementation {
  std::string name;
  std::function<std::unique_ptr<PlanStore>(const TempFolder&)> make;
};

// Every implementation, for INSTANTIATE_TEST_SUITE_P.
inline auto AllStores() {
  return ::testing::Values(
      StoreImplementation{"InMemory",
                          [](const TempFolder&) -> std::unique_ptr<PlanStore> {
                            return std::make_unique<InMemoryPlanStore>();
                          }},
      StoreImplementation{"Sqlite", [](const TempFolder& folder) -> std::unique_ptr<PlanStore> {
                            return SqlitePlanStore::Open(folder.File("plans.db")).value();
                          }});
}

inline std::string StoreName(const ::testing::TestParamInfo<StoreImplementation>& info) {
  return info.param.name;
}

}  // namespace ballast

#endif  // BALLAST_TESTS_CONTRACT_STORE_IMPLEMENTATIONS_H_
