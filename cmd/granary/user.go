package main

import (
	"fmt"
	"text/tabwriter"

	"granary/internal/app"
	"granary/internal/platform/identity"
)

type userCmd struct {
	Create  userCreateCmd  `cmd:"" help:"Create an account with its General folder and print its id."`
	List    userListCmd    `cmd:"" help:"List accounts."`
	Disable userDisableCmd `cmd:"" help:"Disable an account; its sessions and tokens stop working."`
	Enable  userEnableCmd  `cmd:"" help:"Enable a disabled account."`
	Role    userRoleCmd    `cmd:"" help:"Change an account's role."`
}

type userCreateCmd struct {
	Email    string `required:"" help:"E-mail address."`
	ID       string `help:"Fixed UUID. Defaults to a new one." placeholder:"UUID"`
	Name     string `help:"Display name."`
	Role     string `default:"member" enum:"member,steward,admin" help:"member, steward or admin."`
	Password string `help:"Password for the console; without one the account has none." env:"GRANARY_NEW_PASSWORD"`
}

func (cmd *userCreateCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		user, err := core.Vision.CreateAccount(c.operator(), identity.NewUser{
			ID: cmd.ID, Email: cmd.Email, DisplayName: cmd.Name, Role: identity.Role(cmd.Role), Password: cmd.Password,
		})
		if err != nil {
			return err
		}
		fmt.Fprintln(c.stdout, user.ID)
		return nil
	})
}

type userListCmd struct{}

func (userListCmd) Run(c *cli) error {
	return c.core(func(core *app.Core) error {
		ctx := c.operator()
		table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tEMAIL\tROLE\tSTATE\tPASSWORD")
		for page := (identity.Page{Limit: 500}); ; {
			users, next, err := core.Users.List(ctx, page)
			if err != nil {
				return err
			}
			for _, u := range users {
				state, password := "active", "no"
				if u.Disabled {
					state = "disabled"
				}
				if u.HasPassword {
					password = "yes"
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", u.ID, u.Email, u.Role, state, password)
			}
			if page.Cursor = next; next == "" {
				return table.Flush()
			}
		}
	})
}

type userDisableCmd struct {
	Email string `arg:"" help:"E-mail address."`
}

func (cmd *userDisableCmd) Run(c *cli) error {
	return c.onUser(cmd.Email, func(core *app.Core, id string) error {
		return core.Users.Disable(c.operator(), id)
	})
}

type userEnableCmd struct {
	Email string `arg:"" help:"E-mail address."`
}

func (cmd *userEnableCmd) Run(c *cli) error {
	return c.onUser(cmd.Email, func(core *app.Core, id string) error {
		return core.Users.Enable(c.operator(), id)
	})
}

type userRoleCmd struct {
	Email string `arg:"" help:"E-mail address."`
	Role  string `arg:"" enum:"member,steward,admin" help:"member, steward or admin."`
}

func (cmd *userRoleCmd) Run(c *cli) error {
	return c.onUser(cmd.Email, func(core *app.Core, id string) error {
		return core.Users.SetRole(c.operator(), id, identity.Role(cmd.Role))
	})
}

// onUser runs fn with the id of the account that has the address.
func (c *cli) onUser(email string, fn func(core *app.Core, id string) error) error {
	return c.core(func(core *app.Core) error {
		user, err := core.Users.UserByEmail(c.ctx, email)
		if err != nil {
			return err
		}
		return fn(core, user.ID)
	})
}
