"""An order of tasks in which each comes after those it needs."""

from collections import deque


def topological_order(needs):
    """`needs` maps each task to the tasks it needs; ValueError where they need each other in a circle.

    Among the tasks that are free at the same time the one named first comes first.
    """
    missing = {task: len(set(before)) for task, before in needs.items()}
    for before in needs.values():
        for task in before:
            missing.setdefault(task, 0)
    free = deque(task for task, count in missing.items() if count == 0)
    order = []
    while free:
        done = free.popleft()
        order.append(done)
        for task, before in needs.items():
            if done in before:
                missing[task] -= 1
                if missing[task] == 0:
                    free.append(task)
    if len(order) < len(missing):
        circle = sorted(str(task) for task, count in missing.items() if count)
        raise ValueError("tasks need each other: " + ", ".join(circle))
    return order
