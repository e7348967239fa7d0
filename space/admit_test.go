package space_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"waverider"
)

func number(ticket string) uint64 {
	text, _, _ := strings.Cut(ticket, ".")
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}

// What happens to a Hub while it asks to be let in: each step may be the last.
// A Hub of which no copy was made is never kept out; of copies, those are whose
// ticket is older than one that was shown; and never are two in at once.
func TestAdmission(t *testing.T) {
	steps := 120
	if testing.Short() {
		steps = 30
	}
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newSite(t)
			r := rand.New(rand.NewPCG(seed, 7))
			first, h := s.join("", nil)
			disks, in := []*disk{first}, h
			shown := number(first.ticket) // the newest that a disk has shown
			var backup string
			for range steps {
				d := disks[r.IntN(len(disks))]
				switch what := r.IntN(10); {
				case what == 0 && seed > 0 && len(disks) < 4: // the disk is copied
					copied := *d
					disks = append(disks, &copied)
				case what == 1 && backup == "":
					s.stop()
					backup = filepath.Join(t.TempDir(), "backup")
					copyDir(t, s.dir, backup)
					s.start()
				case what == 2 && backup != "" && seed != 1: // the Space is put back
					s.stop()
					if err := os.RemoveAll(s.dir); err != nil {
						t.Fatal(err)
					}
					copyDir(t, backup, s.dir)
					s.start()
					shown = 0 // what it knows is older than what it says
				case what == 3:
					s.stop()
					s.start()
				default:
					l, err := s.dial(d, "")
					must := len(disks) == 1 || seed == 1 && number(d.ticket) >= shown
					if err != nil {
						if must {
							t.Fatalf("ticket %d was refused (%d was shown): %v", number(d.ticket), shown, err)
						}
						if refusedAs(err) != waverider.Conflict {
							t.Fatal(err)
						}
						continue
					}
					if number(d.ticket) < shown {
						t.Fatalf("ticket %d was taken, %d was shown", number(d.ticket), shown)
					}
					shown = number(d.ticket)
					if what == 4 { // the answer is lost
						l.Close(nil)
						continue
					}
					now := s.run(l, d, nil)
					if what > 5 {
						d.ticket = l.Welcome.Ticket // on disk
					}
					if what > 6 {
						if err := now.confirm(d); err != nil {
							t.Fatal(err)
						}
						s.heard(now, d)
						shown = number(d.ticket)
					}
					if in != nil {
						in.ended(t) // before or because the other came
					}
					in = now
				}
			}
		})
	}
}

func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
