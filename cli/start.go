package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

// startFlags are the flags of everything that starts an Instance.
type startFlags struct {
	args, config string
	id           string
	restart      string
	memory       int64
	cpu          float64
	pids, files  int
	inputTopic   string
	outputTopic  string
	inputType    string
	outputType   string
	ack          string
	readAhead    int
	follow       bool
}

var restartPolicies = []string{string(waverider.RestartNever), string(waverider.RestartOnFailure), string(waverider.RestartAlways)}

func (f *startFlags) register(a *app, cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.args, "args", "", "arguments as a JSON array, or @FILE")
	fs.StringVar(&f.config, "config", "", "configuration as a JSON object, or @FILE")
	fs.StringVar(&f.id, "id", "", "id of the Instance, 36 characters such as a UUID")
	fs.StringVar(&f.restart, "restart", "", "when it ends by itself: "+strings.Join(restartPolicies, "|"))
	fs.Int64Var(&f.memory, "memory", 0, "memory limit in MiB")
	fs.Float64Var(&f.cpu, "cpu", 0, "CPU limit in cores, such as 0.5")
	fs.IntVar(&f.pids, "pids", 0, "limit of processes and threads")
	fs.IntVar(&f.files, "files", 0, "limit of open files")
	fs.StringVar(&f.inputTopic, "input-topic", "", "Topic that feeds the program: it goes on where it was when it is started again")
	fs.StringVar(&f.outputTopic, "output-topic", "", "Topic that its output goes to")
	fs.StringVar(&f.inputType, "input-type", "", "content type of the input Topic, if it does not exist yet: ndjson|text|binary, or in full")
	fs.StringVar(&f.outputType, "output-type", "", "content type of the output, if the program declares none")
	fs.StringVar(&f.ack, "ack", "", "when a record of the input Topic is done: auto (its output is stored) or save (the program saved)")
	fs.IntVar(&f.readAhead, "read-ahead", 0, "records of the input Topic the program may hold unfinished")
	fs.BoolVarP(&f.follow, "follow", "f", false, "show what the program puts out until it ends (Ctrl-C lets it run on)")
	_ = cmd.RegisterFlagCompletionFunc("input-topic", a.completeTopicFlag)
	_ = cmd.RegisterFlagCompletionFunc("output-topic", a.completeTopicFlag)
	_ = cmd.RegisterFlagCompletionFunc("input-type", completeTypes)
	_ = cmd.RegisterFlagCompletionFunc("output-type", completeTypes)
	_ = cmd.RegisterFlagCompletionFunc("ack", cobra.FixedCompletions([]string{string(waverider.AckAuto), string(waverider.AckSave)}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("restart", cobra.FixedCompletions(restartPolicies, cobra.ShellCompDirectiveNoFileComp))
}

// request makes the request of the flags and the words after the Sequence.
func (f *startFlags) request(words []string) (waverider.StartRequest, error) {
	req := waverider.StartRequest{
		InstanceID: waverider.InstanceID(f.id), Restart: waverider.RestartPolicy(f.restart),
		InputTopic: f.inputTopic, OutputTopic: f.outputTopic, Ack: waverider.Ack(f.ack), ReadAhead: f.readAhead,
		Limits: waverider.Limits{Memory: f.memory, CPU: f.cpu, PIDs: f.pids, Files: f.files},
	}
	var err error
	if req.InputType, err = contentType("--input-type", f.inputType); err != nil {
		return req, err
	}
	if req.OutputType, err = contentType("--output-type", f.outputType); err != nil {
		return req, err
	}
	if err = req.Validate(); err != nil {
		return req, usage("%s", err)
	}
	if req.Args, err = jsonFlag("--args", f.args, '['); err != nil {
		return req, err
	}
	if req.AppConfig, err = jsonFlag("--config", f.config, '{'); err != nil {
		return req, err
	}
	if len(words) == 0 {
		return req, nil
	}
	if req.Args != nil {
		return req, usage("give arguments as words or with --args, not both")
	}
	req.Args, err = json.Marshal(words)
	return req, err
}

// jsonFlag reads a flag that holds JSON, or @FILE where it is.
func jsonFlag(name, text string, first byte) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	if path, ok := strings.CutPrefix(text, "@"); ok {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		text = string(data)
	}
	text = strings.TrimSpace(text)
	want := map[byte]string{'[': "array, such as '[\"a\", 1]'", '{': "object, such as '{\"a\": 1}'"}[first]
	if text == "" || text[0] != first || !json.Valid([]byte(text)) {
		return nil, usage("%s is not a JSON %s", name, want)
	}
	return json.RawMessage(text), nil
}

func (a *app) seqStart() *cobra.Command {
	var f startFlags
	cmd := &cobra.Command{
		Use:   "start SEQUENCE [ARGUMENT...]",
		Short: "Start an Instance of a Sequence",
		Long: `Start an Instance of a Sequence. The answer is the Instance's id. Arguments after the
Sequence go to the program as strings; --args takes any JSON.`,
		Example: `  waverider seq start my-program
  waverider seq start - Berlin 10
  waverider seq start my-program --args '["Berlin", 10]' --config @settings.json
  waverider seq start my-program --restart always --memory 256 --cpu 0.5
  waverider seq start my-program --input-topic prices --output-topic alarms
  waverider seq start my-program -f          # and watch it run`,
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeSequences(1, cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, list []string) error {
			req, err := f.request(list[1:])
			if err != nil {
				return err
			}
			c, s, err := a.findSequence(cmd.Context(), list[0])
			if err != nil {
				return err
			}
			a.remember(c, func(l *last) { l.Sequence = string(s.ID) })
			which := list[0] // NAME@VERSION is more than the Sequence
			if which == lastWord {
				which = string(s.ID)
			}
			return a.start(cmd.Context(), c, which, req, f.follow)
		},
	}
	f.register(a, cmd)
	return cmd
}

// start starts an Instance and says its id, or follows it.
func (a *app) start(ctx context.Context, c *client.Client, sequence string, req waverider.StartRequest, follow bool) error {
	made, err := c.StartSequence(ctx, sequence, req)
	if err != nil {
		if id := failedInstance(err); id != "" {
			a.remember(c, func(l *last) { l.Instance = id })
		}
		return startFailed(err)
	}
	id := string(made)
	a.remember(c, func(l *last) { l.Instance = id })
	if follow {
		a.note("Instance %s", id)
		return a.attach(ctx, c, id, false)
	}
	a.note("see its output with: waverider inst output -")
	return a.id(id)
}

// startFailed says where the program's own words are.
func startFailed(err error) error {
	if id := failedInstance(err); id != "" {
		return &hinted{err, "its words: waverider inst logs " + id + ", waverider inst stderr " + id}
	}
	return missing(err, "seq")
}

// failedInstance is the Instance that a failed start has left, if it did.
func failedInstance(err error) string {
	var e *waverider.Error
	if !errors.As(err, &e) {
		return ""
	}
	id, _ := e.Detail["id"].(string)
	return id
}
