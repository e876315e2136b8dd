/** An error as AWS returns it: the SDK uses the code as the error's name. */
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
