/**
 * The numbers of linux/netfilter/nfnetlink.h and nf_tables.h that are used here, and what stands behind the header of a message
 * (struct nfgenmsg: family, version, resource).
 */

/** The protocol of the socket, linux/netlink.h. */
export const NETLINK_NETFILTER = 12;
/** The group in which the kernel tells of every change of nf_tables. */
export const NFNLGRP_NFTABLES = 7;

const NFNL_SUBSYS_NFTABLES = 10;
const typeOf = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;

/** Types of messages around those of a transaction. */
export const NFNL_MSG_BATCH = { BEGIN: 16, END: 17 } as const;

// Types of messages, the number of the subsystem included: enum nf_tables_msg_types.

/** Asks for a table. */
export const GETTABLE = typeOf(1);
/** The answer to GETSET. */
export const NEWSET = typeOf(9);
/** Asks for a set: what it is, not its elements. */
export const GETSET = typeOf(10);
/** Adds elements; the answer to GETSETELEM. */
export const NEWSETELEM = typeOf(12);
/** Asks for elements, or for all by a dump. */
export const GETSETELEM = typeOf(13);
/** Takes elements out; one that is not there is an error. */
export const DELSETELEM = typeOf(14);
/** Ends what the kernel tells of a transaction, whoever made it. */
export const NEWGEN = typeOf(15);
/** Takes elements out; one that is not there is no error. Since Linux 6.3. */
export const DESTROYSETELEM = typeOf(30);
/** Whether a message is of nf_tables. */
export const isOfNftables = (type: number): boolean => type >> 8 === NFNL_SUBSYS_NFTABLES;

/** The family of tables that see IPv4 and IPv6. */
export const NFPROTO_INET = 1;
/** struct nfgenmsg of a message. */
export const FAMILY = Buffer.from([NFPROTO_INET, 0, 0, 0]);
/** struct nfgenmsg of the two messages around a transaction: the subsystem is the resource. */
export const BATCH = Buffer.from([0, 0, 0, NFNL_SUBSYS_NFTABLES]);
/** How long struct nfgenmsg is: attributes begin behind it. */
export const FAMILY_LENGTH = 4;

/** The table's name, in every message of a table, a set, an element, a chain or a rule: enum nft_*_attributes. */
export const NFTA_TABLE = 1;
/** enum nft_set_attributes. */
export const NFTA_SET = { NAME: 2, FLAGS: 3, KEY_TYPE: 4, KEY_LEN: 5, DESC: 9 } as const;
/** enum nft_set_desc_attributes. */
export const NFTA_SET_DESC_SIZE = 1;
/** enum nft_set_elem_list_attributes. */
export const NFTA_LIST = { SET: 2, ELEMENTS: 3 } as const;
/** In a list each has the type NFTA_LIST_ELEM. */
export const NFTA_LIST_ELEM = 1;
/** enum nft_set_elem_attributes. EXPRESSIONS where a set has more than one. */
export const NFTA_ELEM = { KEY: 1, FLAGS: 3, TIMEOUT: 4, EXPIRATION: 5, USERDATA: 6, EXPR: 7, EXPRESSIONS: 11 } as const;
/** enum nft_data_attributes. */
export const NFTA_DATA_VALUE = 1;
/** enum nft_expr_attributes. */
export const NFTA_EXPR = { NAME: 1, DATA: 2 } as const;
/** enum nft_counter_attributes. */
export const NFTA_COUNTER = { BYTES: 1, PACKETS: 2 } as const;

/** enum nft_set_flags. */
export const NFT_SET = { INTERVAL: 0x4, MAP: 0x8, TIMEOUT: 0x10, OBJECT: 0x40 } as const;
/** An element that is the first address after an interval. */
export const NFT_SET_ELEM_INTERVAL_END = 0x1;
