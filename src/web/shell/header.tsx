import { Keyboard, Plus } from 'lucide-react';
import { Link, useLocation } from 'wouter';
import { buttonClass } from '../components/button.tsx';
import { IconButton } from '../components/icon-button.tsx';
import { Kbd } from '../components/kbd.tsx';
import { SignOut } from '../login/sign-out.tsx';
import { ThemeButton } from './theme-button.tsx';

export function Header({ onShowKeys }: { readonly onShowKeys: () => void }) {
  const [path] = useLocation();
  return (
    <header className="sticky top-0 z-20 border-line border-b bg-page">
      <div className="mx-auto flex h-13 max-w-5xl items-center gap-1 px-4">
        <Link href="/" className="mr-2 flex items-center gap-2 rounded font-semibold">
          <img src="/icon.svg" alt="" className="size-6 shrink-0" />
          <span className="max-sm:sr-only">Groundcrew</span>
        </Link>
        <nav aria-label="Main" className="mr-auto flex gap-1">
          <NavLink href="/" current={path === '/'}>
            Tasks
          </NavLink>
          <NavLink href="/graphiql" current={path === '/graphiql'}>
            GraphiQL
          </NavLink>
        </nav>
        <IconButton
          icon={Keyboard}
          name="Keyboard shortcuts"
          onClick={onShowKeys}
          className="max-sm:hidden pointer-coarse:hidden"
        />
        <ThemeButton />
        <Link href="/new" className={`${buttonClass('primary')} ml-2 max-sm:ml-0 max-sm:px-2`}>
          <Plus aria-hidden className="size-4" />
          <span>
            New<span className="max-sm:sr-only"> task</span>
          </span>
          <Kbd>N</Kbd>
        </Link>
        <SignOut />
      </div>
    </header>
  );
}

interface NavLinkProps {
  readonly href: string;
  readonly current: boolean;
  readonly children: string;
}

function NavLink({ href, current, children }: NavLinkProps) {
  return (
    <Link
      href={href}
      aria-current={current ? 'page' : undefined}
      className={`inline-flex items-center rounded-md px-2.5 py-1 hover:bg-hover max-sm:px-1.5 pointer-coarse:min-h-11 ${current ? 'font-medium' : 'text-soft'}`}
    >
      {children}
    </Link>
  );
}
