// Package outbox delivers callbacks: JSON that a service wants to POST to a
// client's address, kept as rows until the client has answered. It owns the
// tables outbox_streams, outbox_messages and outbox_bodies and the one client
// that sends them; it does not know what a message says.
//
//	service ── Add(tx) ──► message pending, in the caller's transaction
//	                          │ head of its stream, due: claimed by a lease
//	                          ▼
//	dispatcher ──► POST, no transaction open ──► delivered    2xx
//	   ▲                                     ├─► refused      3xx, 4xx
//	   │ backoff, 1 s doubling to 5 min      ├─► unanswered   final, sent whole, no answer in time
//	   └──────── 5xx, no connection ─────────┴─► failed       24 h of that
//	          Silence(tx) ──► silenced; a droppable one that failed and has a successor ──► dropped
//
// A stream is one job. Its messages leave in the order in which they were
// added, one at a time: the next is not begun before the one ahead is settled.
// After a Final message or Silence a stream takes nothing more. Streams do not
// wait for each other. Any number of processes may work one PostgreSQL.
//
// Delivery is at least once. A message leaves twice when the process died, was
// stopped or lost its lease between the client's answer and the commit that
// records it, or when the connection broke before the answer. Each POST
// carries the message's id as webhook-id, by which a receiver can tell. A Final
// message makes some receivers send mail and import results again, so one that
// the receiver took whole and did not answer in time is not sent again by
// itself: it is unanswered until an administrator calls Redeliver.
package outbox
