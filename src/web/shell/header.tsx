import { Plus } from 'lucide-react';
import { Link, useLocation } from 'wouter';
import { buttonClass } from '../components/button.tsx';
import { Kbd } from '../components/kbd.tsx';
import { SignOut } from '../login/sign-out.tsx';

export function Header() {
  const [path] = useLocation();
  return (
    <header className="sticky top-0 z-20 border-line border-b bg-page/95 backdrop-blur">
      <div className="mx-auto flex h-13 max-w-5xl items-center gap-1 px-4">
        <Link href="/" className="mr-2 flex items-center gap-2 rounded font-semibold">
          <img src="/icon.svg" alt="" className="size-6 shrink-0" />
          <span className="max-sm:sr-only">Groundcrew</span>
        </Link>
        <nav aria-label="Main" className="flex gap-1">
          <NavLink href="/" current={path === '/'}>
            Tasks
          </NavLink>
          <NavLink href="/graphiql" current={path === '/graphiql'}>
            GraphiQL
          </NavLink>
        </nav>
        <Link href="/new" className={`${buttonClass('primary')} ml-auto`}>
          <Plus aria-hidden className="size-4 max-sm:hidden" />
          New task
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
      className={`inline-flex items-center rounded-md px-2.5 py-1 hover:bg-hover pointer-coarse:min-h-11 ${current ? 'font-medium' : 'text-soft'}`}
    >
      {children}
    </Link>
  );
}
