/** What a server says about itself. */
export interface About {
  hostname: string;
  /** The kind of service. */
  type: string;
  /** Of the server. */
  version: string;
  description: string;
  /** When the server started, ISO 8601. */
  startDate: string;
}
