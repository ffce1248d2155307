"""What tests share: a server in processes of its own, a listener for webhooks, clips and their words."""
