#include <unistd.h>

#include <iostream>

#include "client/ctl/command.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  return ballast::ctl::RunBallastctl(argc, argv,
                                     {std::cin,
                                      {std::cout, std::cerr},
                                      ballast::RealClock(),
                                      isatty(STDIN_FILENO) != 0,
                                      isatty(STDOUT_FILENO) != 0});
}
