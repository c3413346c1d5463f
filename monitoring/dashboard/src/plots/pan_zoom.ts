/** A window on a drawing: what part of it is seen. Plain values; components keep one as their state. */
export interface Sight {
  x: number;
  y: number;
  /** Pixels for a unit of the drawing. */
  scale: number;
}

export function fit(drawing: { width: number; height: number }, room: { width: number; height: number }, most = 1.25): Sight {
  const scale = Math.max(0.01, Math.min(most, room.width / Math.max(1, drawing.width), room.height / Math.max(1, drawing.height)));
  return { scale, x: (room.width / scale - drawing.width) / -2, y: (room.height / scale - drawing.height) / -2 };
}

/** `px`, `py`: the point in pixels that stays where it is. */
export function zoom(sight: Sight, factor: number, px: number, py: number): Sight {
  const scale = Math.min(8, Math.max(0.01, sight.scale * factor));
  return { scale, x: sight.x + px / sight.scale - px / scale, y: sight.y + py / sight.scale - py / scale };
}

export function move(sight: Sight, px: number, py: number): Sight {
  return { ...sight, x: sight.x - px / sight.scale, y: sight.y - py / sight.scale };
}

/** Keys of all drawings alike; null if it is none of them. */
export function byKey(sight: Sight, key: string, room: { width: number; height: number }, home: () => Sight): Sight | null {
  const step = 60;
  if (key === 'ArrowLeft') return move(sight, step, 0);
  if (key === 'ArrowRight') return move(sight, -step, 0);
  if (key === 'ArrowUp') return move(sight, 0, step);
  if (key === 'ArrowDown') return move(sight, 0, -step);
  if (key === '+' || key === '=') return zoom(sight, 1.3, room.width / 2, room.height / 2);
  if (key === '-') return zoom(sight, 1 / 1.3, room.width / 2, room.height / 2);
  return key === '0' || key === 'Home' ? home() : null;
}
