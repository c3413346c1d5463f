// What workers load: it links Troupe::module alone.
//
//   troupe scheduler
//   troupe worker --module libworker_module.so
#include "worker_module.hpp"
