#ifndef BALLAST_TESTS_INTEGRATION_STORE_FILE_H_
#define BALLAST_TESTS_INTEGRATION_STORE_FILE_H_

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string>

namespace ballast {

// Runs statements on the file of a store, as `sqlite3 FILE "SQL"` does: the first value of what
// they select, as text, or "". An error is a failure of the test.
inline std::string RunSql(const std::string& file, const std::string& sql) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK) << file;
  std::string first;
  const auto take = [](void* value, int, char** columns, char**) {
    std::string& text = *static_cast<std::string*>(value);
    if (text.empty() && columns[0] != nullptr) text = columns[0];
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), take, &first, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  sqlite3_close(db);
  return first;
}

}  // namespace ballast

#endif  // BALLAST_TESTS_INTEGRATION_STORE_FILE_H_
