package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
	"waverider/dev"
	"waverider/localhub"
)

// probeTime is how long the Hub of this machine may take to answer before
// `dev` starts one of its own.
const probeTime = time.Second

func (a *app) develop(mesh RunMesh) *cobra.Command {
	var f startFlags
	var in dev.Input
	var m meshFlags
	cmd := &cobra.Command{
		Use:   "dev DIR [ARGUMENT...]",
		Short: "Run a program while you write it",
		Long: `Run the program in a folder and show all it says: its output, stdout, stderr and log.
At each change of a file it is packed, sent as a new revision and started again; what is
wrong with it is shown, and the next change tries again. Where package.json has a script
"build", that runs first. Files that .gitignore or .waveriderignore name, and
node_modules, are not watched. State the program saves is there after a restart, and gone
when dev ends.

The Hub is the one of --url, WAVERIDER_URL or the profile, else the one of this machine; when
none runs, dev starts one for itself. Ctrl-C stops the program and takes it off the Hub.

With --mesh, dev runs a Space and a Hub that has joined it, in one process, for trying
things; it says how to reach them. The folder may be left out then. Ctrl-C ends all, and
what they kept is gone unless --data-dir names a place for it.`,
		Example: `  waverider dev .
  waverider dev ./my-program --input records.ndjson
  tail -f /var/log/syslog | waverider dev . --input -
  waverider dev --mesh
  waverider dev --mesh --hubs 2 --data-dir ./mesh`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: foldersOnly,
		RunE: func(cmd *cobra.Command, list []string) (err error) {
			if err := m.check(list); err != nil {
				return err
			}
			if m.mesh {
				if mesh == nil {
					return usage("this program runs no mesh")
				}
				return mesh(cmd.Context(), m.cfg, func(ctx context.Context, up Mesh) error { return a.onMesh(ctx, up, list, &f, in) })
			}
			req, err := f.request(list[1:])
			if err != nil {
				return err
			}
			c, end, err := a.devHub(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, end()) }()
			return a.developOn(cmd.Context(), c, list[0], req, in)
		},
	}
	f.register(a, cmd)
	m.register(cmd)
	for _, name := range []string{"follow", "id"} {
		_ = cmd.Flags().MarkHidden(name)
	}
	cmd.Flags().StringVarP(&in.File, "input", "i", "", "feed each start with this file, or what you type with -")
	cmd.Flags().StringVarP(&in.Type, "type", "t", "", "content type of the input (default: by the file's name)")
	return cmd
}

// developOn runs the program of a folder on a Hub.
func (a *app) developOn(ctx context.Context, c *client.Client, dir string, req waverider.StartRequest, in dev.Input) error {
	if req.Restart == "" {
		req.Restart = waverider.RestartNever // the next start comes with the next change
	}
	in.Live = a.in
	return dev.Run(ctx, dev.Config{Dir: dir, Hub: c, Request: req, Input: in, Out: a.out, Plain: a.noColor})
}

// devHub connects to the Hub that is named, else to the one of this machine,
// else to one it starts. end takes down what was started.
func (a *app) devHub(ctx context.Context) (c *client.Client, end func() error, err error) {
	if c, err = a.connect(); err != nil {
		return nil, nil, err
	}
	end = func() error { c.Close(); return nil }
	probe, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	_, err = c.Version(probe)
	var away *client.UnreachableError
	if err == nil || a.url != "" || !errors.As(err, &away) {
		return c, end, err
	}
	c.Close()
	hub, err := localhub.Start(ctx, localhub.Config{Restart: true})
	if err != nil {
		return nil, nil, err
	}
	if c, err = client.New(client.Config{URL: hub.URL(), Agent: "waverider/" + a.version}); err != nil {
		return nil, nil, errors.Join(err, hub.Close())
	}
	fmt.Fprintf(a.err, "No Hub runs on this machine; dev has started one for itself: WAVERIDER_URL=%s\n", hub.URL())
	return c, func() error { c.Close(); return hub.Close() }, nil
}
