/** An answer that is not what was asked for. `status` 0: the scheduler did not answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** What an answer that is no answer says. */
export async function refusal(answer: Response): Promise<ApiError> {
  const text = await answer.text().catch(() => '');
  let message = text.trim().slice(0, 400);
  try {
    const body: unknown = JSON.parse(text);
    if (body && typeof body === 'object' && 'error' in body) {
      const { error } = body;
      if (typeof error === 'string') message = error;
      else if (error && typeof error === 'object' && 'message' in error) message = String(error.message);
    }
  } catch {
    // Plain text is as good.
  }
  return new ApiError(answer.status, message || `the scheduler answered ${answer.status}`);
}
