package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"granary/internal/app"
	"granary/internal/platform/identity"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Create an API token and print it once."`
	List   tokenListCmd   `cmd:"" help:"List an account's tokens."`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke a token."`
}

type tokenCreateCmd struct {
	Email  string        `required:"" help:"Account that the token speaks for."`
	Name   string        `required:"" help:"What the token is for."`
	Scopes []string      `help:"Scopes: read, write, admin. Defaults to all that the role allows." placeholder:"SCOPE"`
	Expiry time.Duration `help:"How long it is good. Defaults to 90 days." placeholder:"DURATION"`
}

func (cmd *tokenCreateCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		user, err := core.Users.UserByEmail(c.ctx, cmd.Email)
		if err != nil {
			return err
		}
		request := identity.NewToken{UserID: user.ID, Name: cmd.Name, Scopes: cmd.Scopes}
		if cmd.Expiry > 0 {
			request.ExpiresAt = time.Now().Add(cmd.Expiry)
		}
		token, err := core.Users.CreateToken(c.operator(), request)
		if err == nil {
			fmt.Fprintln(c.stdout, token.Secret)
		}
		return err
	})
}

type tokenListCmd struct {
	Email string `arg:"" help:"Account."`
}

func (cmd *tokenListCmd) Run(c *cli) error {
	return c.onUser(cmd.Email, func(core *app.Core, id string) error {
		tokens, err := core.Users.Tokens(c.operator(), id)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tNAME\tSCOPES\tEXPIRES")
		for _, t := range tokens {
			fmt.Fprintf(table, "%s\t%s\t%v\t%s\n", t.ID, t.Name, t.Scopes, t.ExpiresAt.Format(time.DateOnly))
		}
		return table.Flush()
	})
}

type tokenRevokeCmd struct {
	ID string `arg:"" help:"Token id."`
}

func (cmd *tokenRevokeCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		return core.Users.RevokeToken(c.operator(), cmd.ID)
	})
}
