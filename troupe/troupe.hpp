#pragma once

/// All that an embedder needs: functions in modules, clients, futures, clusters on this machine.

#include "actors/child.hpp"
#include "actors/client.hpp"
#include "actors/completion_queue.hpp"
#include "actors/errors.hpp"
#include "actors/future.hpp"
#include "actors/graph_builder.hpp"
#include "actors/local_cluster.hpp"
#include "actors/span.hpp"
#include "actors/task_client.hpp"
#include "runtime/exec/call_frame.hpp"
#include "runtime/exec/module.hpp"
#include "runtime/store/buffer.hpp"
#include "runtime/store/container_codec.hpp"
#include "runtime/store/value_codec.hpp"
