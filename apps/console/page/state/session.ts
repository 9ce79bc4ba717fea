import { computed, signal } from '@preact/signals';
import { Rights } from './rights.js';

const KEY = 'ganomede-events-console';

/** The secret or the token of this tab; undefined: nobody is signed in. It is kept for as long as the tab is open. */
export const secret = signal<string | undefined>(sessionStorage.getItem(KEY) ?? undefined);

/** Why nobody is signed in any more; empty if there is nothing to say. */
export const signedOutBecause = signal('');

export const rights = computed(() => new Rights(secret.value ?? ''));

/** Why a secret cannot be used here; empty if it can. */
export const problemOfSecret = (value: string) =>
  /^[\x20-\x7e]*$/.test(value)
    ? ''
    : 'A browser can only send secrets of plain letters, digits and signs (ASCII).';

export function signIn(value: string): void {
  const problem = problemOfSecret(value);
  if (problem !== '') {
    signOut(problem);
    return;
  }
  sessionStorage.setItem(KEY, value);
  signedOutBecause.value = '';
  secret.value = value;
}

export function signOut(because = ''): void {
  sessionStorage.removeItem(KEY);
  signedOutBecause.value = because;
  secret.value = undefined;
}

/** Takes over what a sign-in link brings (`#secret=…`), and takes it out of the address and the history at once. */
export function takeSecretFromAddress(): void {
  const given = /^#secret=(.+)$/.exec(location.hash)?.[1];
  if (given === undefined) return;
  history.replaceState(null, '', location.pathname + location.search);
  signIn(decodeURIComponent(given));
}

// Into a tab that is open already.
addEventListener('hashchange', takeSecretFromAddress);
