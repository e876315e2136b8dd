/** An error as AWS answers it: the code is what the SDK makes the error's name of. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
  ) {
    super(message)
  }
}

export const invalid = (message: string): ApiError => new ApiError('ValidationError', message)
