#pragma once

/// What a cluster did during a scope: one page that opens offline, and its memory over time.

#include "actors/performance_report.hpp"
