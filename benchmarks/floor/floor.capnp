@0xd1f4a9be2a6c7e35;
# What the floor says: as little as any scheduler must say of a task on its way out and on its way back.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("bare");

struct Task {
  id @0 :UInt64;
  run @1 :UInt32;
  function @2 :UInt32;
}

struct Tasks {
  tasks @0 :List(Task);
}

struct Outcome {
  id @0 :UInt64;
  run @1 :UInt32;
  microseconds @2 :UInt32;
}

struct Outcomes {
  outcomes @0 :List(Outcome);
}
