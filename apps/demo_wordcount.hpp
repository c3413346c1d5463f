#pragma once

#include "apps/word_counts.hpp"
#include "runtime/exec/module.hpp"

/// The module `demo`, part of every worker that the `troupe` program starts.
TROUPE_FIELDS(troupe::demo::FilePart, path, begin, end);
TROUPE_FIELDS(troupe::demo::WordCounts, bytes, text, lengths, counts);
TROUPE_MODULE(demo, troupe::demo::count_words, troupe::demo::merge_counts);
