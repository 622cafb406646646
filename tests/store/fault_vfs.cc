#include "tests/store/fault_vfs.h"

#include <sqlite3.h>

#include <new>
#include <string>
#include <utility>

#include "core/base/check.h"

namespace ballast {
namespace {

struct Order {
  FaultVfs::Operation operation = FaultVfs::Operation::kWrite;
  int calls_before = 0;  // Calls that still succeed.
  int times = 0;         // Calls that still fail after them.
  int result_code = SQLITE_OK;
  std::string suffix;
  int failed = 0;
};

// SQLite's callbacks carry no context of ours, hence one state per process.
Order g_order;
sqlite3_vfs* g_real = nullptr;
sqlite3_vfs g_vfs;

// What SQLite sees as its file; the real file lies behind it in the same memory.
struct FaultFile {
  sqlite3_file base;
  std::string* name;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

FaultFile* Cast(sqlite3_file* file) { return reinterpret_cast<FaultFile*>(file); }
sqlite3_file* Real(sqlite3_file* file) { return Cast(file)->real(); }

int Ordered(FaultVfs::Operation operation, sqlite3_file* file) {
  const std::string& name = *Cast(file)->name;
  const std::string& suffix = g_order.suffix;
  const bool meant = name.size() >= suffix.size() &&
                     name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
  if (g_order.times == 0 || g_order.operation != operation || !meant) return SQLITE_OK;
  if (g_order.calls_before > 0) {
    --g_order.calls_before;
    return SQLITE_OK;
  }
  --g_order.times;
  ++g_order.failed;
  return g_order.result_code;
}

int CloseFile(sqlite3_file* file) {
  delete Cast(file)->name;
  return Real(file)->pMethods->xClose(Real(file));
}

int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  const int ordered = Ordered(FaultVfs::Operation::kRead, file);
  if (ordered != SQLITE_OK) return ordered;
  return Real(file)->pMethods->xRead(Real(file), out, size, offset);
}

int Write(sqlite3_file* file, const void* in, int size, sqlite3_int64 offset) {
  const int ordered = Ordered(FaultVfs::Operation::kWrite, file);
  if (ordered != SQLITE_OK) return ordered;
  return Real(file)->pMethods->xWrite(Real(file), in, size, offset);
}

int Sync(sqlite3_file* file, int flags) {
  const int ordered = Ordered(FaultVfs::Operation::kSync, file);
  if (ordered != SQLITE_OK) return ordered;
  return Real(file)->pMethods->xSync(Real(file), flags);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return Real(file)->pMethods->xTruncate(Real(file), size);
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Real(file)->pMethods->xFileSize(Real(file), size);
}
int Lock(sqlite3_file* file, int level) { return Real(file)->pMethods->xLock(Real(file), level); }
int Unlock(sqlite3_file* file, int level) {
  return Real(file)->pMethods->xUnlock(Real(file), level);
}
int CheckReservedLock(sqlite3_file* file, int* out) {
  return Real(file)->pMethods->xCheckReservedLock(Real(file), out);
}
int FileControl(sqlite3_file* file, int operation, void* argument) {
  return Real(file)->pMethods->xFileControl(Real(file), operation, argument);
}
int SectorSize(sqlite3_file* file) { return Real(file)->pMethods->xSectorSize(Real(file)); }
int Characteristics(sqlite3_file* file) {
  return Real(file)->pMethods->xDeviceCharacteristics(Real(file));
}
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  return Real(file)->pMethods->xShmMap(Real(file), page, size, extend, out);
}
int ShmLock(sqlite3_file* file, int offset, int n, int flags) {
  return Real(file)->pMethods->xShmLock(Real(file), offset, n, flags);
}
void ShmBarrier(sqlite3_file* file) { Real(file)->pMethods->xShmBarrier(Real(file)); }
int ShmUnmap(sqlite3_file* file, int remove) {
  return Real(file)->pMethods->xShmUnmap(Real(file), remove);
}

// Version 2: shared memory for WAL, no memory mapping, so every read comes by Read().
constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = CloseFile,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Unlock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = Characteristics,
    .xShmMap = ShmMap,
    .xShmLock = ShmLock,
    .xShmBarrier = ShmBarrier,
    .xShmUnmap = ShmUnmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int OpenFile(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const int result = g_real->xOpen(g_real, name, Real(file), flags, out_flags);
  const bool opened = Real(file)->pMethods != nullptr;
  file->pMethods = opened ? &kMethods : nullptr;
  if (opened) Cast(file)->name = new std::string(name != nullptr ? name : "");
  return result;
}

}  // namespace

FaultVfs::FaultVfs() {
  BALLAST_CHECK(g_real == nullptr);
  g_real = sqlite3_vfs_find(nullptr);
  g_vfs = *g_real;  // All else goes to the machine's own VFS.
  g_vfs.zName = "ballast_fault";
  g_vfs.szOsFile = static_cast<int>(sizeof(FaultFile)) + g_real->szOsFile;
  g_vfs.xOpen = OpenFile;
  BALLAST_CHECK(sqlite3_vfs_register(&g_vfs, /*makeDflt=*/1) == SQLITE_OK);
  g_order = Order();
}

FaultVfs::~FaultVfs() {
  sqlite3_vfs_unregister(&g_vfs);
  sqlite3_vfs_register(g_real, /*makeDflt=*/1);
  g_real = nullptr;
}

void FaultVfs::Fail(Operation operation, int nth, int result_code, int times, std::string suffix) {
  g_order = {.operation = operation,
             .calls_before = nth - 1,
             .times = times,
             .result_code = result_code,
             .suffix = std::move(suffix)};
}

void FaultVfs::Heal() { g_order.times = 0; }

int FaultVfs::failed() const { return g_order.failed; }

}  // namespace ballast
