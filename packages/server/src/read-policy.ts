/** From a configuration file to a policy that can run: for the daemon, and for those who ask about it without one. */
import { precise } from './clock.ts';
import type { Config, Issue } from './config/config.ts';
import { loadConfig } from './config/load.ts';
import { packFolders, packLibrary } from './config/packs.ts';
import { compilePolicy, type Policy } from './engine/policy.ts';

/**
 * Reads and compiles a configuration; `errors` are patterns that can't be used, and the policy goes without them.
 * `stateDir` is a folder for sockets and database, whatever the configuration says.
 *
 * @throws ConfigError when it can't be read as one
 */
export function readPolicy(path: string, stateDir: string | undefined): { policy: Policy; warnings: readonly Issue[]; errors: readonly Issue[] } {
  const loaded = loadConfig(path);
  const config = stateDir === undefined ? loaded.config : inDirectory(loaded.config, stateDir);
  const { policy, issues, warnings } = compilePolicy(config, packLibrary(packFolders(path)), precise);
  return { policy, warnings: [...loaded.warnings, ...warnings], errors: issues };
}

function inDirectory(config: Config, dir: string): Config {
  let sockets = 0;
  return {
    ...config,
    sources: config.sources.map((source) => (source.type === 'unix' ? { ...source, path: `${dir}/${sockets++ === 0 ? 'log' : `log-${sockets}`}.sock` } : source)),
    database: `${dir}/banban.db`,
    control: { ...config.control, socket: `${dir}/control.sock` },
  };
}
