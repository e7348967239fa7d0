module waverider

go 1.26.0

require (
	github.com/golang-jwt/jwt/v5 v5.3.1
	go.etcd.io/bbolt v1.5.0
)

require (
	go.uber.org/goleak v1.3.0
	golang.org/x/sys v0.49.0
)
