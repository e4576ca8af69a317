package identityapi

import (
	"context"
	"encoding/json"
	"time"

	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

type auditInput struct {
	Before int64  `query:"before" minimum:"0" doc:"Return entries older than this number; what the previous part returned as next."`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many to return."`
	Actor  string `query:"actor" maxLength:"64" doc:"Only entries of this user id, or of system or anonymous."`
	Action string `query:"action" maxLength:"64" doc:"Only entries of this action, such as sign_in."`
}

type entry struct {
	Seq       int64          `json:"seq"`
	At        time.Time      `json:"at"`
	Actor     string         `json:"actor" doc:"User id, system or anonymous."`
	Action    string         `json:"action"`
	Object    string         `json:"object"`
	Outcome   string         `json:"outcome" enum:"ok,failed,refused"`
	RequestID string         `json:"request_id,omitempty"`
	Detail    map[string]any `json:"detail"`
	PrevHash  string         `json:"prev_hash" doc:"Hash of the entry before."`
	Hash      string         `json:"hash"`
}

type auditOutput struct {
	Body struct {
		Entries []entry `json:"entries"`
		Next    int64   `json:"next,omitempty" doc:"Value of before for the next part; absent at the end."`
	}
}

type verifyOutput struct {
	Body struct {
		Sound    bool   `json:"sound"`
		Entries  int64  `json:"entries" doc:"How many links hold, from the first."`
		BrokenAt int64  `json:"broken_at,omitempty" doc:"Number of the first entry that does not hold."`
		Problem  string `json:"problem,omitempty"`
		HeadHash string `json:"head_hash" doc:"Hash of the last sound entry. Kept elsewhere, it also shows a trail rewritten from its start."`
	}
}

func (a api) registerAudit(n *web.Native) {
	web.Handle(n, web.Operation{
		Method: "GET", Path: "/api/v1/audit", Access: web.AdminOnly, Scope: identity.ScopeAdmin,
		Summary: "List the audit trail, newest first",
	}, a.audit)
	web.Handle(n, web.Operation{
		Method: "GET", Path: "/api/v1/audit/verify", Access: web.AdminOnly, Scope: identity.ScopeAdmin,
		Summary: "Check the hash chain of the audit trail",
	}, a.verify)
}

func (a api) audit(ctx context.Context, in *auditInput) (*auditOutput, error) {
	entries, next, err := a.service.Audit().List(ctx, identity.AuditQuery{
		Before: in.Before, Limit: in.Limit, Actor: in.Actor, Action: in.Action,
	})
	if err != nil {
		return nil, err
	}
	out := &auditOutput{}
	out.Body.Next = next
	out.Body.Entries = make([]entry, len(entries))
	for i, e := range entries {
		detail := map[string]any{}
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			// A tampered row must not hide the others; verify names it.
			detail = map[string]any{"unreadable": true}
		}
		out.Body.Entries[i] = entry{
			Seq: e.Seq, At: e.At, Actor: e.Actor, Action: e.Action, Object: e.Object, Outcome: e.Outcome,
			RequestID: e.RequestID, Detail: detail, PrevHash: e.PrevHash, Hash: e.Hash,
		}
	}
	return out, nil
}

func (a api) verify(ctx context.Context, _ *struct{}) (*verifyOutput, error) {
	report, err := a.service.Audit().VerifyChain(ctx)
	if err != nil {
		return nil, err
	}
	out := &verifyOutput{}
	out.Body.Sound, out.Body.Entries, out.Body.BrokenAt = report.Sound(), report.Entries, report.BrokenAt
	out.Body.Problem, out.Body.HeadHash = report.Problem, report.HeadHash
	return out, nil
}
