#ifndef BALLAST_TESTS_LINT_RULES_H_
#define BALLAST_TESTS_LINT_RULES_H_

#include <string>
#include <vector>

#include "tests/lint/source_text.h"

namespace ballast::lint {

struct Violation {
  std::string path;
  int line = 0;  // 1-based; 0: the file as a whole.
  std::string what;
};
using Violations = std::vector<Violation>;

// "path:line: what"
std::string Describe(const Violation& violation);

// Each rule looks at one file; files it is not about have no violations.

// Lines <= 100 characters; functions <= 70 lines from brace to brace; headers <= 250 lines,
// sources <= 800. Functions are found by their braces, which is right for formatted code.
Violations CheckSizes(const SourceFile& file);

// What a file may include: see docs/architecture.md. Foreign headers by folder, generated
// messages at the edges only, our own folders from lower layers only, tests/ from tests/ only.
Violations CheckIncludes(const SourceFile& file);

// Clocks, sleeping and random devices outside the few places that own them; printing and
// hash maps in the core; exceptions of ours; `using namespace` in headers.
Violations CheckCalls(const SourceFile& file);

// No folder or file is named after having no subject: util, common, misc, helpers.
Violations CheckName(const SourceFile& file);

// A header is guarded by its path: core/base/ids.h by BALLAST_CORE_BASE_IDS_H_.
Violations CheckGuard(const SourceFile& file);

// No notes of unfinished work, no disabled test, no test skipped without a reason.
Violations CheckMarkers(const SourceFile& file);

// Scripts (files that begin with #!) are bash in strict mode.
Violations CheckScript(const SourceFile& file);

// Rules about the tree as a whole.

// Links of the Markdown files lead to a file or folder of the tree, and to a heading if they
// name one.
Violations CheckLinks(const std::vector<SourceFile>& tree);

// Each .cc file is named in the CMake files of its folder: else nobody builds it.
Violations CheckBuilt(const std::vector<SourceFile>& tree);

// The metrics that daemon/observe/metric_families.h names are those that the tables of
// docs/operations.md begin their rows with, no more and no less.
Violations CheckMetricsExplained(const std::vector<SourceFile>& tree);

// Each alert of deploy/prometheus/rules.yml leads to its section of docs/runbooks.md.
Violations CheckAlertsHaveRunbooks(const std::vector<SourceFile>& tree);

}  // namespace ballast::lint

#endif  // BALLAST_TESTS_LINT_RULES_H_
