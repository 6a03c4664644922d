"""Shortest ways in a graph with lengths that are not negative."""

import heapq


def distances(graph, start):
    """From `start` to every node that can be reached; `graph` maps a node to a dict of neighbours."""
    found = {start: 0}
    waiting = [(0, start)]
    while waiting:
        distance, node = heapq.heappop(waiting)
        if distance > found[node]:
            continue
        for neighbour, length in graph.get(node, {}).items():
            longer = distance + length
            if neighbour not in found or longer < found[neighbour]:
                found[neighbour] = longer
                heapq.heappush(waiting, (longer, neighbour))
    return found


def shortest_path(graph, start, goal):
    """The nodes on a shortest way, or None."""
    found = distances(graph, start)
    if goal not in found:
        return None
    path = [goal]
    while path[-1] != start:
        here = path[-1]
        for node, neighbours in graph.items():
            if here in neighbours and node in found and found[node] + neighbours[here] == found[here] and node not in path:
                path.append(node)
                break
        else:
            return None
    return path[::-1]
