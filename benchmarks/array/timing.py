import time


def best_of(call, repeats):
    """The least nanoseconds of `repeats` runs, after one that is not measured."""
    call()
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter_ns()
        result = call()
        best = min(best, time.perf_counter_ns() - start)
        del result
    return best
