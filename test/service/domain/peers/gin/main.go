// Command gin is the service on gin, with its default logger and recovery, and go-redis.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/go-redis/v9"

	"bench.local/birthday"
	"bench.local/redistls"
)

const (
	keyPrefix    = "gin:"
	maxBodyBytes = 16 << 10
	storeTimeout = 500 * time.Millisecond
)

type request struct {
	DateOfBirth string `json:"dateOfBirth" binding:"required"`
}

func main() {
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:         redistls.Addresses(),
		IsClusterMode: os.Getenv("REDIS_MODE") == "cluster",
		TLSConfig:     redistls.Config(),
		ReadTimeout:   storeTimeout,
		WriteTimeout:  storeTimeout,
	})
	gin.SetMode(gin.ReleaseMode)
	gin.EnableJsonDecoderDisallowUnknownFields()
	router := gin.Default()

	router.PUT("/hello/:username", func(c *gin.Context) { put(c, client) })
	router.GET("/hello/:username", func(c *gin.Context) { get(c, client) })
	router.DELETE("/hello/:username", func(c *gin.Context) { remove(c, client) })
	router.GET("/hc", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) })
	router.GET("/version", func(c *gin.Context) {
		c.JSON(http.StatusOK, gin.H{"version": "gin " + gin.Version, "go": runtime.Version()})
	})
	log.Fatal(router.Run("127.0.0.1:" + os.Args[1]))
}

func put(c *gin.Context, client redis.UniversalClient) {
	username, err := birthday.Username(c.Param("username"))
	if err != nil {
		refuse(c, http.StatusBadRequest, err)
		return
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBodyBytes)
	var body request
	if err := c.ShouldBindJSON(&body); err != nil {
		refuse(c, http.StatusBadRequest, err)
		return
	}
	if _, err := birthday.Date(body.DateOfBirth, time.Now().UTC()); err != nil {
		refuse(c, http.StatusBadRequest, err)
		return
	}
	if err := save(c.Request.Context(), client, keyPrefix+username, body.DateOfBirth); err != nil {
		refuse(c, http.StatusServiceUnavailable, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// save returns once as many replicas have the value as should.
func save(ctx context.Context, client redis.UniversalClient, key, value string) error {
	replicas := redistls.WaitReplicas()
	if replicas == 0 {
		return client.Set(ctx, key, value, 0).Err()
	}
	primary := redis.Cmdable(client)
	if cluster, is := client.(*redis.ClusterClient); is {
		node, err := cluster.MasterForKey(ctx, key)
		if err != nil {
			return err
		}
		primary = node
	}
	var wait *redis.Cmd
	_, err := primary.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Set(ctx, key, value, 0)
		wait = pipe.Do(ctx, "wait", replicas, redistls.WaitTimeout.Milliseconds())
		return nil
	})
	if err != nil {
		return err
	}
	acknowledged, err := wait.Int()
	if err == nil && acknowledged < replicas {
		err = redistls.ErrReplicaMissing
	}
	return err
}

func get(c *gin.Context, client redis.UniversalClient) {
	username, err := birthday.Username(c.Param("username"))
	if err != nil {
		refuse(c, http.StatusBadRequest, err)
		return
	}
	stored, err := client.Get(c.Request.Context(), keyPrefix+username).Result()
	if errors.Is(err, redis.Nil) {
		refuse(c, http.StatusNotFound, err)
		return
	}
	if err != nil {
		refuse(c, http.StatusServiceUnavailable, err)
		return
	}
	now := time.Now().UTC()
	birth, err := birthday.Date(stored, now)
	if err != nil {
		refuse(c, http.StatusInternalServerError, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"message": birthday.Greeting(username, birth, now)})
}

func remove(c *gin.Context, client redis.UniversalClient) {
	username, err := birthday.Username(c.Param("username"))
	if err != nil {
		refuse(c, http.StatusBadRequest, err)
		return
	}
	removed, err := client.Del(c.Request.Context(), keyPrefix+username).Result()
	switch {
	case err != nil:
		refuse(c, http.StatusServiceUnavailable, err)
	case removed == 0:
		refuse(c, http.StatusNotFound, redis.Nil)
	default:
		c.Status(http.StatusNoContent)
	}
}

func refuse(c *gin.Context, status int, err error) {
	c.AbortWithStatusJSON(status, gin.H{"status": status, "detail": err.Error()})
}
