import os
from flask import Flask, request
from vocafuse import Client, RequestValidator

app = Flask(__name__)

client = Client(
    api_key='sk_live_...',
    api_secret='...'
)

validator = RequestValidator('your_webhook_secret')

@app.route('/webhooks/vocafuse', methods=['POST'])
def handle_webhook():
    payload = request.get_data(as_text=True)
    signature = request.headers.get('X-VocaFuse-Signature')

    if not validator.validate(payload, signature):
        return {'error': 'Invalid signature'}, 401

    data = request.get_json()
    # Process webhook...

    return {'status': 'received'}, 200
