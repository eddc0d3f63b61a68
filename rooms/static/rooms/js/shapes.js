// @ts-check
/** The shapes that travel: what the server sends and answers. Types only; nothing imports this at
 * run time.
 *
 * @typedef {{id: string | null, name: string}} User
 * @typedef {"owner" | "moderator" | "member" | null} Role
 * @typedef {{id: string, name: string, role: Role, sockets: number}} Member
 *
 * @typedef {object} Message
 * @property {string | number} id
 * @property {string | null} room  null in a private conversation
 * @property {number | null} offset  null in a room that keeps no history
 * @property {User | null} [user]  null for what the site itself posts
 * @property {string} [text]
 * @property {string} [at]  RFC 3339, UTC
 * @property {string} [nonce]
 * @property {true} [removed]
 * @property {string} [from]  in private: the ids of the two
 * @property {string} [to]
 *
 * @typedef {object} RoomRow  one room of the list, as this visitor may see it
 * @property {string} name
 * @property {string} title
 * @property {string} access
 * @property {string | null} code  why a join without credentials would be refused now
 * @property {boolean} locked
 * @property {boolean} joined
 * @property {number} members
 * @property {number | null} capacity
 *
 * @typedef {object} Denial
 * @property {false} ok
 * @property {string} code
 * @property {string} message
 * @property {string} [room]
 * @property {string} [field]
 * @property {number} [retry_after]  seconds
 * @property {string} [until]  RFC 3339
 * @property {number} [attempts_left]
 * @property {string} [reason]
 * @property {string} [ref]
 *
 * @typedef {object} Joined
 * @property {true} ok
 * @property {string} room
 * @property {number} members
 * @property {Role} role
 * @property {string | null} epoch
 * @property {number | null} offset  the room's last offset at that instant
 * @property {Message[]} messages
 * @property {boolean} more
 * @property {boolean} recovered
 *
 * @typedef {object} Rights  what our person may do in a room
 * @property {true} ok
 * @property {string} room
 * @property {Role} role
 * @property {number} rank  one acts on those below: 1 member, 2 moderator, 3 owner, 4 the site
 * @property {boolean} moderates
 * @property {NonNullable<Role>[]} roles  that they may give
 * @property {number} slow_mode_s  between two messages; 0 for whom it spares
 * @property {string | null} closes_at  when all have to leave; RFC 3339
 * @property {Denial | null} refusal  what a message would be answered now
 *
 * @typedef {Pick<Rights, "room" | "role" | "moderates" | "slow_mode_s" | "closes_at" | "refusal">} RightsNews
 * @typedef {{room: string, user: User, role: Role}} RoleNews
 *
 * @typedef {{user: User & {id: string}, reason: string, until: string | null, by: string | null}} Sanction
 * @typedef {{ok: true, bans: Sanction[], mutes: Sanction[]}} SanctionsPage
 * @typedef {{user: User & {id: string}, offset: number, at: string | null, blocked: boolean}} ConversationRow
 * @typedef {{ok: true, conversations: ConversationRow[]}} ConversationsPage
 * @typedef {{ok: true, invitations: {id: string, token: string, url: string}[]}} InvitationsMade
 *
 * @typedef {{ok: true, id: string | number, offset: number | null, at: string}} Stored
 * @typedef {{ok: true, epoch: string | null, messages: Message[], more: boolean}} HistoryPage
 * @typedef {{ok: true, rooms: RoomRow[], more: boolean}} RoomsPage
 * @typedef {{ok: true, members: Member[], count: number}} MembersPage
 * @typedef {{room: string, user: User, members: number, sockets: number}} Presence
 * @typedef {{namespace: {path: string, title: string}, user: User}} IdentityEvent
 * @typedef {{password?: string, invitation?: string}} Credentials
 */

export {};
