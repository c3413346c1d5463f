#pragma once

#include <memory>

#include "actors/scheduler_handle.hpp"
#include "monitoring/cluster_source.hpp"
#include "monitoring/event_ring.hpp"

namespace troupe {

class Node;

/// What the dashboard of a scheduler reads from: its machine, asked on its loop. Acts as a client of the same node,
/// which is there for the length of an order only. `events` is told how orders end.
std::shared_ptr<monitoring::ClusterSource> source_of(Node& node, SchedulerHandle scheduler,
                                                     std::shared_ptr<monitoring::EventRing> events);

}  // namespace troupe
