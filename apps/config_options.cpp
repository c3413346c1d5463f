#include <array>

#include "apps/config.hpp"

namespace troupe::apps {

namespace {

using enum OptionType;

/// A new option: a row here, its use in scheduler_options() or the worker's, and a line in docs/configuration.md.
constexpr std::array options{
    // Names that Dask has keep their meaning, so that old files read as they are.
    Option{"scheduler.host", text, "127.0.0.1", "Address the scheduler listens on; others than loopback need TLS or --insecure.", "--host"},
    Option{"scheduler.port", integer, "8786", "Port for clients and workers; 0 = any free one.", "--port", {}, 0, 65535},
    Option{"scheduler.allowed-failures", integer, "3", "A task fails as poison once this many workers died while they ran it.", "", {}, 0, 1e6},
    Option{"scheduler.worker-ttl", duration, "30s", "A worker silent for so long is lost, and its work is done again.", ""},
    Option{"scheduler.suspect-after", duration, "10s", "A worker silent for so long gets no new tasks.", ""},
    Option{"scheduler.idle-timeout", duration, "never", "The scheduler ends after so long without tasks and clients.", "--idle-timeout", "never"},
    Option{"scheduler.no-workers-timeout", duration, "never", "A task that no worker may run fails after so long.", "", "never"},
    Option{"scheduler.missing-module-timeout", duration, "10s", "A task of a module that no worker has fails after so long.", "", "never"},
    Option{"scheduler.work-stealing", boolean, "true", "Idle workers take tasks back from busy ones.", ""},
    Option{"scheduler.work-stealing-interval", duration, "10ms", "How often stealing is thought of.", ""},
    Option{"scheduler.worker-saturation", number, "1.1", "A worker may always hold this times its threads, however long its tasks are.", "", {}, 0.1, 1e6},
    Option{"scheduler.prefetch-horizon", duration, "5ms", "Work, by learnt durations, that a worker holds ahead for each thread.", ""},
    Option{"scheduler.bandwidth", size, "1GB", "First guess of what a worker receives from another in a second.", ""},
    Option{"scheduler.heartbeat", duration, "1s", "How often a worker gives a sign of life.", ""},
    Option{"scheduler.story-length", integer, "65536", "Transitions kept for `troupe story`.", "", {}, 1, 1e8},
    Option{"scheduler.max-tasks", integer, "100000000", "Tasks known at a time; a submission beyond is refused.", "", {}, 1, 1e12},
    Option{"scheduler.max-prefixes", integer, "1000", "Function names that durations are learnt for one by one.", "", {}, 1, 1e6},
    Option{"worker.nthreads", integer, "auto", "Threads of a worker that run tasks; auto = CPUs over workers.", "--nthreads", "auto", 1, 4096},
    Option{"worker.nworkers", integer, "1", "Worker processes to start; auto = one for each CPU.", "--nworkers", "auto", 1, 4096},
    Option{"worker.port", integer, "0", "Port of the worker's data listener; 0 = any free one.", "--worker-port", {}, 0, 65535},
    Option{"worker.host", text, "127.0.0.1", "Address the worker's data listener is bound to.", "--host"},
    Option{"worker.memory-limit", size, "auto", "Memory a worker may use; auto = its share of this machine's.", "--memory-limit", "auto"},
    Option{"worker.nanny", boolean, "true", "A nanny process starts the worker again when it dies.", "--nanny"},
    Option{"worker.death-timeout", duration, "60s", "A worker ends after so long without its scheduler.", "--death-timeout", "never"},
    Option{"worker.http-port", integer, "0", "Port of the worker's health and metrics pages; 0 = any free one.", "--http-port", {}, 0, 65535},
    Option{"dashboard.address", text, "127.0.0.1:8787", "Where the scheduler serves health, metrics and JSON pages.", "--dashboard-address"},
    Option{"dashboard.enabled", boolean, "true", "Serve HTTP pages at all.", "--no-dashboard"},
    Option{"dashboard.allowed-hosts", text, "", "Names, separated by commas, that a Host header may carry beside localhost.", ""},
    Option{"comm.connect-timeout", duration, "30s", "How long a client looks for its scheduler before it gives up.", "--timeout"},
    Option{"logging.level", text, "info", "Least important lines that are written: debug, info, warning or error.", "--log-level"},
    Option{"logging.format", text, "auto", "human, json, or auto: human on a terminal, JSON lines elsewhere.", "--log-format"},
    Option{"logging.file", text, "", "File that log lines are added to; empty = stderr.", "--log-file"},
};

}  // namespace

std::span<const Option> option_table() { return options; }

}  // namespace troupe::apps
