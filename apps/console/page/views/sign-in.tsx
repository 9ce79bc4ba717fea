import { useEffect, useRef, useState } from 'preact/hooks';
import { trySecret } from '../api/events-api.js';
import { messageOf } from '../api/request.js';
import { Mark } from '../parts/mark.js';
import { problemOfSecret, signedOutBecause, signIn } from '../state/session.js';

/** Asks for the secret or a token. */
export function SignIn() {
  const [value, setValue] = useState('');
  const [problem, setProblem] = useState(signedOutBecause.value);
  const [isAsking, setIsAsking] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);

  const submit = async (event: Event) => {
    event.preventDefault();
    const unusable = problemOfSecret(value);
    setProblem(unusable);
    if (unusable !== '') return;
    setIsAsking(true);
    try {
      await trySecret(value);
      signIn(value);
    } catch (error) {
      setProblem(messageOf(error));
      setIsAsking(false);
    }
  };
  return (
    <main class="sign-in">
      <form onSubmit={submit}>
        <h1>
          <Mark />
          Ganomede Events
        </h1>
        <div class="field">
          <label for="secret">Secret or token</label>
          <input
            ref={field}
            id="secret"
            type="password"
            autocomplete="current-password"
            required
            aria-describedby="about-secret"
            value={value}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
          <small id="about-secret">
            The server’s <code>API_SECRET</code>, or a token that you were given. It is kept until this tab is
            closed.
          </small>
        </div>
        {problem !== '' && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <button type="submit" class="primary" disabled={isAsking || value === ''}>
          {isAsking ? 'One moment …' : 'Sign in'}
        </button>
      </form>
    </main>
  );
}
