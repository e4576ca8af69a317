package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"granary/internal/vision/engine"
)

// processEngine is the one engine whose models have a process.
const processEngine = "worker"

// Bounds of a process.
const (
	maxCommand   = 64
	maxArgument  = 4096
	maxVariables = 64
	maxProcesses = 16
	maxBatch     = 64
)

// Process is how the program of a model is run. Whoever may write it may run
// programs as the server's user: pipelines come from the command line and from
// configured files only, never over the network.
type Process struct {
	Command []string          `json:"command"`
	Dir     string            `json:"dir,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	Inherit []string          `json:"inherit,omitempty"`
	// Device is the program's CUDA_VISIBLE_DEVICES.
	Device    string `json:"device,omitempty"`
	MemoryMiB int64  `json:"memory_mib,omitempty"`
	// StartTimeout bounds the time to load the model. Defaults to 2m.
	StartTimeout Duration `json:"start_timeout,omitempty"`
	Noise        bool     `json:"noise,omitempty"`
	// Processes is how many run at once. Defaults to 1.
	Processes int `json:"processes,omitempty"`
	// Batch is how many pictures a message has at most. Defaults to 8.
	Batch int `json:"batch,omitempty"`
}

func (p *Process) spec() *engine.Process {
	if p == nil {
		return nil
	}
	return &engine.Process{
		Command: p.Command, Dir: p.Dir, Env: p.Env, Inherit: p.Inherit, Device: p.Device, Memory: p.MemoryMiB << 20,
		StartTimeout: time.Duration(p.StartTimeout), Noise: p.Noise, Processes: p.Processes, Batch: p.Batch,
	}
}

// validate checks the process of m, which has one exactly if its engine runs
// programs.
func (p *Process) validate(problems *problems, m Model) {
	problems.check((p != nil) == (m.Engine == processEngine), "model %q: a process belongs to the engine %s, and to no other", m.Name, processEngine)
	if p == nil {
		return
	}
	check := func(ok bool, format string, args ...any) {
		problems.check(ok, "the process of model %q: "+format, append([]any{m.Name}, args...)...)
	}
	check(len(p.Command) > 0 && len(p.Command) <= maxCommand && p.Command[0] != "", "its command must have 1 to %d words", maxCommand)
	check(len(p.Env) <= maxVariables && len(p.Inherit) <= maxVariables, "it has more than %d variables", maxVariables)
	texts := append(append([]string{p.Dir, p.Device}, p.Command...), p.Inherit...)
	for name, value := range p.Env {
		check(name != "" && !strings.Contains(name, "="), "a variable's name must not be empty or have a =")
		texts = append(texts, name, value)
	}
	for _, text := range texts {
		check(len(text) <= maxArgument && strings.IndexByte(text, 0) < 0, "a text has NUL or more than %d bytes", maxArgument)
	}
	check(p.MemoryMiB >= 0 && p.MemoryMiB <= 1<<30, "memory_mib must be between 0 and %d", 1<<30)
	check(p.StartTimeout >= 0 && time.Duration(p.StartTimeout) <= maxTimeout, "start_timeout must be between 0 and %s", maxTimeout)
	check(p.Processes >= 0 && p.Processes <= maxProcesses, "processes must be between 0 and %d", maxProcesses)
	check(p.Batch >= 0 && p.Batch <= maxBatch, "batch must be between 0 and %d", maxBatch)
}

// mapSecrets returns a copy with f applied to what may hold a secret. Sealed
// and bound to its place like a key, a command that somebody wrote into the
// database does not open and so does not run.
func (p *Process) mapSecrets(f func(field, value string) (string, error)) (*Process, error) {
	if p == nil {
		return nil, nil
	}
	c := *p
	c.Command, c.Env = slices.Clone(p.Command), maps.Clone(p.Env)
	var err error
	if c.Dir, err = f("process.dir", p.Dir); err != nil {
		return nil, err
	}
	for i, word := range p.Command {
		// With the number of words, so that none can be taken away.
		if c.Command[i], err = f(fmt.Sprintf("process.command.%d.of.%d", i, len(p.Command)), word); err != nil {
			return nil, err
		}
	}
	for name, value := range p.Env {
		if c.Env[name], err = f("process.env."+name, value); err != nil {
			return nil, err
		}
	}
	return &c, nil
}
