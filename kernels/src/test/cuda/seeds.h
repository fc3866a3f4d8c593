// SPDX-License-Identifier: Apache-2.0
//
// The arguments of every test: [first seed] [cases].
#pragma once

#include <cstdint>
#include <cstdlib>

/** The seeds [first, end), a case each. */
struct Seeds {
  uint64_t first;
  uint64_t end;

  Seeds(int count, char** arguments, uint64_t default_first, uint64_t default_cases)
      : first(count > 1 ? std::strtoull(arguments[1], nullptr, 10) : default_first),
        end(first + (count > 2 ? std::strtoull(arguments[2], nullptr, 10) : default_cases)) {}
};
