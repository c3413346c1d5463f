import { ApiError, refusal } from './error';
import { address } from './root';
import { session } from './session.svelte';

export type Query = Record<string, string | number | boolean | null | undefined>;

export function url(path: string, query: Query = {}): string {
  const result = new URL(address(path));
  for (const [name, value] of Object.entries(query))
    if (value !== null && value !== undefined && value !== '') result.searchParams.set(name, String(value));
  return result.href;
}

export function authorization(): Record<string, string> {
  return session.token ? { Authorization: `Bearer ${session.token}` } : {};
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return request<T>(url(path, query), { headers: { ...authorization(), Accept: 'application/json' }, signal });
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  return request<T>(url(path), {
    method: 'POST',
    headers: { ...authorization(), 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify(body),
  });
}

async function request<T>(where: string, init: RequestInit): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(where, { ...init, cache: 'no-store', credentials: 'omit', redirect: 'error' });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, 'the scheduler does not answer');
  }
  if (!answer.ok) {
    if (answer.status === 401) session.refuse();
    throw await refusal(answer);
  }
  return (await answer.json()) as T;
}
