/** What a caller is told instead of an answer: a status and a plain text that ends in a newline. */
export class Refusal {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(status: number, text: string, headers?: Readonly<Record<string, string>>) {
    this.status = status;
    this.text = text;
    this.headers = headers;
  }
}

/** A row of the catalogue: makes refusals, and says its status without making one. */
export interface HttpError<Details extends readonly unknown[]> {
  (...details: Details): Refusal;
  readonly status: number;
}

export function httpError<Details extends readonly unknown[]>(
  status: number,
  text: (...details: Details) => string,
  headers?: (...details: Details) => Readonly<Record<string, string>>,
): HttpError<Details> {
  const refuse = (...details: Details): Refusal =>
    new Refusal(status, `${text(...details)}\n`, headers?.(...details));
  return Object.assign(refuse, { status });
}
