// Command granary is the whole backend of a research lab in one binary. This
// package parses the command line and calls package app; it holds no logic.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"granary/internal/app"
	"granary/internal/platform/config"
	"granary/internal/platform/identity"
	"granary/internal/platform/telemetry"
)

// version is stamped by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "granary:", err)
		os.Exit(1)
	}
}

// cli is the command line. Flags here belong to every command.
type cli struct {
	Config  string            `help:"Configuration file. Defaults to granary.yaml here or in the data folder." placeholder:"FILE"`
	Data    string            `help:"Folder for everything Granary keeps on this machine." placeholder:"DIR"`
	EnvFile string            `help:"File of environment variables. Defaults to .env here." placeholder:"FILE"`
	Set     map[string]string `help:"Set a configuration key, such as web.public_url=https://lab.example." placeholder:"KEY=VALUE"`

	Serve    serveCmd    `cmd:"" help:"Run the services."`
	Worker   workerCmd   `cmd:"" help:"Run jobs for servers on other machines, and nothing else."`
	Demo     demoCmd     `cmd:"" help:"Run the services' main jobs on sample data, then keep serving."`
	User     userCmd     `cmd:"" help:"Manage accounts."`
	Token    tokenCmd    `cmd:"" help:"Manage API tokens."`
	Jobs     jobsCmd     `cmd:"" help:"Watch and steer background jobs."`
	Seeds    seedsCmd    `cmd:"" help:"Manage the seed table and its fact sheets."`
	Pipeline pipelineCmd `cmd:"" help:"Manage inference pipelines."`
	Model    modelCmd    `cmd:"" help:"Manage the classifier that learns from feedback."`
	Marks    marksCmd    `cmd:"" name:"watermarks" help:"Manage collections of watermarks."`
	Export   exportCmd   `cmd:"" help:"Write verified boxes as COCO, YOLO or CSV."`
	Import   importCmd   `cmd:"" help:"Take over an existing deployment."`
	Fixtures fixturesCmd `cmd:"" help:"Load fixed rows for tests."`
	Migrate  migrateCmd  `cmd:"" help:"Bring the database schema up to date, or show where it stands."`
	Backup   backupCmd   `cmd:"" help:"Write a consistent copy of rows and blobs while the server runs."`
	Restore  restoreCmd  `cmd:"" help:"Restore a backup into empty stores."`
	Check    checkCmd    `cmd:"" help:"Verify every digest, reference and invariant."`
	Settings configCmd   `cmd:"" name:"config" help:"Show or check the configuration."`
	Bench    benchCmd    `cmd:"" help:"Run the published benchmarks."`
	App      appCmd      `cmd:"" hidden:"" help:"Run a built-in demo app as a worker."`
	Version  versionCmd  `cmd:"" help:"Print the version."`

	ctx            context.Context
	stdout, stderr io.Writer
}

// run parses args and runs the command they name.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c := cli{ctx: ctx, stdout: stdout, stderr: stderr}
	exited := errors.New("help was shown")
	parser, err := c.parser(kong.Exit(func(int) { panic(exited) }))
	if err != nil {
		return err
	}
	defer func() { // kong stops after --help by exiting
		if p := recover(); p != nil && p != any(exited) {
			panic(p)
		}
	}()
	command, err := parser.Parse(args)
	if err != nil {
		return err
	}
	return command.Run(&c)
}

// parser reads command lines into c.
func (c *cli) parser(options ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append(options, kong.Name("granary"), kong.Writers(c.stdout, c.stderr),
		kong.Description("The whole backend of a research lab in one binary."), kong.UsageOnError())...)
}

// load reads the configuration with the global flags and any of the command's.
func (c *cli) load(flags map[string]string) (*config.Config, config.Origins, error) {
	all := map[string]string{}
	for key, value := range c.Set {
		all[key] = value
	}
	for key, value := range flags {
		if value != "" {
			all[key] = value
		}
	}
	if c.Data != "" {
		all["data"] = c.Data
	}
	return config.Load(config.Options{File: c.Config, EnvFile: c.EnvFile, Flags: all, Environ: environ()})
}

// newPasswordVariable is the flag --password of user create, out of sight of
// the process list.
const newPasswordVariable = "GRANARY_NEW_PASSWORD" //nolint:gosec // a name, not a password

// environ is the environment without what belongs to a flag: the configuration
// refuses every GRANARY_ variable that it does not know.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, newPasswordVariable+"=")
	})
}

// logger writes to stderr as the configuration says.
func (c *cli) logger(cfg *config.Config) *slog.Logger {
	return telemetry.NewLogger(c.stderr, telemetry.LogConfig{
		Level: cfg.Telemetry.LogLevel, Format: cfg.Telemetry.LogFormat,
	})
}

// operator is the context of a command's calls: whoever may run it on the
// server's own machine may do everything. It is not for serving.
func (c *cli) operator() context.Context { return identity.With(c.ctx, identity.System()) }

// core opens the stores and services for one command and closes them after it.
func (c *cli) core(fn func(core *app.Core) error) (err error) {
	cfg, _, err := c.load(nil)
	if err != nil {
		return err
	}
	// A command's log is for problems; its result goes to stdout.
	cfg.Telemetry.LogLevel = "warn"
	core, err := app.Open(c.ctx, cfg, c.logger(cfg))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, core.Close()) }()
	return fn(core)
}
