import type { Finding } from '../firewall.ts';

/** A finding of the doctor's about rules, with the stable names that scripts look for. */
export interface RuleFinding extends Finding {
  readonly code:
    | 'no-rule'
    | 'no-set'
    | 'rule-after-accept'
    | 'established-before-block'
    | 'ipv6-forgotten'
    | 'ipv4-forgotten'
    | 'table-too-small'
    | 'seconds-too-short'
    | 'seconds-differ'
    | 'hitcount-too-high'
    | 'mask-differs'
    | 'mask-unknown'
    | 'wrong-direction'
    | 'set-flags'
    | 'both-iptables'
    | 'program-missing'
    | 'program-failed'
    | 'not-managed';
}
