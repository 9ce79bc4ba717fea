import { EventsError } from '@ganomede/events-protocol';

export function unknownChannel(channel: string): EventsError {
  return new EventsError('ResourceNotFound', `Channel ${JSON.stringify(channel)} does not exist`);
}
