/**
 * Variables that say which repository, index, objects or refs git works on, or how it makes a new repository. If git
 * inherited one, for example because Groundcrew was started by a hook, it would work somewhere else. All other variables
 * stay: they say how to connect and with which credentials (GIT_SSH_COMMAND, GIT_SSL_CAINFO, GIT_CONFIG_GLOBAL, …).
 */
const locations: ReadonlySet<string> = new Set([
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_ATTR_SOURCE',
  'GIT_CEILING_DIRECTORIES',
  'GIT_COMMON_DIR',
  // The file that `git config` reads and writes, unlike GIT_CONFIG_GLOBAL and GIT_CONFIG_COUNT.
  'GIT_CONFIG',
  'GIT_DEFAULT_HASH',
  'GIT_DIR',
  'GIT_DISCOVERY_ACROSS_FILESYSTEM',
  'GIT_GRAFT_FILE',
  'GIT_IMPLICIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_INTERNAL_SUPER_PREFIX',
  'GIT_NAMESPACE',
  'GIT_NO_REPLACE_OBJECTS',
  'GIT_OBJECT_DIRECTORY',
  'GIT_PREFIX',
  'GIT_QUARANTINE_PATH',
  'GIT_REFERENCE_BACKEND',
  'GIT_REPLACE_REF_BASE',
  'GIT_SHALLOW_FILE',
  'GIT_TEMPLATE_DIR',
  'GIT_WORK_TREE',
]);

/** The environment of every git that Groundcrew runs, made from that of this process. */
export function gitEnvironment(allowFile: boolean): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !locations.has(name));
  return {
    ...Object.fromEntries(inherited),
    LC_ALL: 'C',
    // Nothing answers a prompt here: git must fail instead of asking. Without a terminal, git runs the program of
    // GIT_ASKPASS or core.askPass if the user has set one, and this one otherwise. Desktops set SSH_ASKPASS to a window.
    GIT_TERMINAL_PROMPT: '0',
    SSH_ASKPASS: 'true',
    GCM_INTERACTIVE: 'never',
    GIT_ALLOW_PROTOCOL: allowFile ? 'http:https:ssh:file' : 'http:https:ssh',
    // We write packed-refs ourselves; see packed-refs.ts.
    GIT_DEFAULT_REF_FORMAT: 'files',
  };
}
