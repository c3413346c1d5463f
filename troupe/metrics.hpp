#pragma once

/// The metrics of a client in a program that embeds it.

#include "actors/client_metrics.hpp"
