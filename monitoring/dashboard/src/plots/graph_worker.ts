import dagre from '@dagrejs/dagre';

/** Lays a graph of groups out from left to right, away from the thread that draws. */

export interface LayoutQuestion {
  id: number;
  width: number;
  height: number;
  nodes: number;
  edges: readonly (readonly number[])[];
}

export interface LayoutAnswer {
  id: number;
  /** Of the middle of each node. */
  x: number[];
  y: number[];
  /** For each edge its corners: x, y, x, y, ... */
  edges: number[][];
  width: number;
  height: number;
}

self.onmessage = (message: MessageEvent<LayoutQuestion>) => {
  const { id, width, height, nodes, edges } = message.data;
  const graph = new dagre.graphlib.Graph<object, { width: number; height: number; x: number; y: number }, { points: { x: number; y: number }[] }>();
  graph.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: 56, marginx: 12, marginy: 12 });
  graph.setDefaultEdgeLabel(() => ({ points: [] }));
  for (let node = 0; node < nodes; ++node) graph.setNode(String(node), { width, height, x: 0, y: 0 });
  for (const [from, to] of edges) if (from !== undefined && to !== undefined && from !== to) graph.setEdge(String(from), String(to));
  dagre.layout(graph);
  const size = graph.graph() as { width?: number; height?: number };
  const answer: LayoutAnswer = {
    id,
    x: Array.from({ length: nodes }, (_, node) => graph.node(String(node)).x),
    y: Array.from({ length: nodes }, (_, node) => graph.node(String(node)).y),
    edges: edges.map(([from, to]) => (from === to ? [] : (graph.edge(String(from), String(to))?.points ?? []).flatMap(({ x, y }) => [x, y]))),
    width: size.width ?? 0,
    height: size.height ?? 0,
  };
  self.postMessage(answer);
};
